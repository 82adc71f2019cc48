//! What the local store leaves in the folders of the tables when it is killed: files that were written aside and never
//! got their name. No listing of a table shows them, so that vacuuming does not either.

use std::fs;
use std::path::Path;

use super::LakeError;
use super::tables::Table;
use crate::model::Timestamp;

/// Deletes such files that were last written before a moment; gives their number.
pub(super) fn sweep(lake: &Path, before: Timestamp) -> Result<u64, LakeError> {
    let mut swept_n = 0;
    for table in Table::ALL {
        swept_n += sweep_folder(&lake.join(table.name()), before)?;
    }
    Ok(swept_n)
}

fn sweep_folder(folder: &Path, before: Timestamp) -> Result<u64, LakeError> {
    let failed = |action, path: &Path| {
        let path = path.to_owned();
        move |source| LakeError::Io { action, path, source }
    };
    let mut swept_n = 0;
    for entry in fs::read_dir(folder).map_err(failed("read", folder))? {
        let entry = entry.map_err(failed("read", folder))?;
        let path = entry.path();
        let metadata = entry.metadata().map_err(failed("read", &path))?;
        if metadata.is_dir() {
            swept_n += sweep_folder(&path, before)?;
        } else if entry.file_name().to_str().is_some_and(is_aside)
            && metadata.modified().is_ok_and(|written| Timestamp::from(written) < before)
        {
            fs::remove_file(&path).map_err(failed("remove", &path))?;
            swept_n += 1;
        }
    }
    Ok(swept_n)
}

/// Our own store writes to `_aside_<uuid>`; the library's below it to the final name, `#` and a number.
fn is_aside(name: &str) -> bool {
    let upload = name.rsplit_once('#').map(|(_, number)| number);
    name.starts_with("_aside_")
        || upload.is_some_and(|it| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_got_its_name_goes_once_it_is_old() {
        let lake = tempfile::tempdir().unwrap();
        for table in Table::ALL {
            fs::create_dir_all(lake.path().join(table.name()).join("_delta_log")).unwrap();
        }
        let log = lake.path().join("events/_delta_log");
        let day = lake.path().join("events/account_id=1/date=2026-11-01");
        fs::create_dir_all(&day).unwrap();
        let kept = [log.join("0.json"), day.join("part-0.parquet"), day.join("part#x.parquet")];
        let aside = [log.join("_aside_1"), day.join("_aside_2#1"), day.join("part-1.parquet#12")];
        for path in kept.iter().chain(&aside) {
            fs::write(path, "x").unwrap();
        }
        let written = Timestamp::from(fs::metadata(&aside[0]).unwrap().modified().unwrap());
        assert_eq!(sweep(lake.path(), written - chrono::TimeDelta::minutes(1)).unwrap(), 0);
        assert_eq!(sweep(lake.path(), written + chrono::TimeDelta::minutes(1)).unwrap(), 3);
        assert!(kept.iter().all(|path| path.exists()));
        assert!(!aside.iter().any(|path| path.exists()));
    }
}
