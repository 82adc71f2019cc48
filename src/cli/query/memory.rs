//! How much memory a query may hold.

use super::super::error::Failure;

/// What was asked for, or half of what the machine or its control group has. In bytes.
pub(super) fn limit(text: Option<&str>) -> Result<usize, Failure> {
    if let Some(text) = text {
        return parse_size(text).ok_or_else(|| {
            Failure::new(format!("`{text}` is not a size"))
                .hint(Some("give bytes, or a number with KiB, MiB, GiB, KB, MB or GB"))
                .usage()
        });
    }
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    let machine = system.total_memory();
    let bytes = system.cgroup_limits().map_or(machine, |limits| limits.total_memory.min(machine));
    Ok(usize::try_from(bytes / 2).unwrap_or(usize::MAX))
}

fn parse_size(text: &str) -> Option<usize> {
    const UNITS: [(&str, u64); 10] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("K", 1 << 10),
        ("M", 1 << 20),
        ("G", 1 << 30),
    ];
    let unit = UNITS.iter().find_map(|(name, size)| Some((text.strip_suffix(name)?, *size)));
    let (number, size) = unit.unwrap_or((text.strip_suffix('B').unwrap_or(text), 1));
    let number: f64 = number.trim().parse().ok().filter(|number: &f64| *number > 0.0)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a positive size, which saturates"
    )]
    let bytes = (number * size as f64) as u64;
    usize::try_from(bytes).ok().filter(|bytes| *bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_units() {
        assert_eq!(parse_size("2GiB"), Some(2 << 30));
        assert_eq!(parse_size("1.5 MB"), Some(1_500_000));
        assert_eq!(parse_size("512"), Some(512));
        assert_eq!(parse_size("64M"), Some(64 << 20));
        for text in ["", "GiB", "-1", "0", "x", "NaN"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }
}
