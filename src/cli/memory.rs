//! How much of what is free the allocator keeps.
//!
//! A query asks for the same memory over and over, and is soon over: it is fastest where what is free is kept for a while,
//! which is how jemalloc comes. What fills the lake and keeps it in order runs for hours beside others: it gives back at
//! once, from few pools. `MALLOC_CONF` in the environment overrides both.

use std::sync::atomic::{AtomicU32, Ordering};

use tikv_jemalloc_ctl::{Access, AsName, Result};

/// Pools that the threads share.
const POOLS: u32 = 2;

/// Makes this program give free memory back at once. It is called before there are other threads; each of them calls
/// [`share_pool`] when it starts.
pub(super) fn give_back_at_once() {
    if is_chosen_by_user() {
        return;
    }
    if let Err(error) = without_decay() {
        tracing::debug!(%error, "the allocator keeps free memory for a while");
    }
}

/// Puts the thread that calls it into one of the few pools, in turn.
pub(super) fn share_pool() {
    static THREADS: AtomicU32 = AtomicU32::new(1);
    if is_chosen_by_user() {
        return;
    }
    let pool = THREADS.fetch_add(1, Ordering::Relaxed) % POOLS;
    if let Err(error) = "thread.arena\0".name().write(pool) {
        tracing::debug!(%error, "a thread has a pool of its own");
    }
}

/// Both for pools to come, and for those that are there.
fn without_decay() -> Result<()> {
    write_zero("arenas.dirty_decay_ms\0")?;
    write_zero("arenas.muzzy_decay_ms\0")?;
    for pool in 0..POOLS {
        let is_there: bool = format!("arena.{pool}.initialized\0").name().read()?;
        if is_there {
            write_zero(&format!("arena.{pool}.dirty_decay_ms\0"))?;
            write_zero(&format!("arena.{pool}.muzzy_decay_ms\0"))?;
        }
    }
    Ok(())
}

fn write_zero(setting: &str) -> Result<()> {
    setting.name().write(0_isize)
}

fn is_chosen_by_user() -> bool {
    std::env::var_os("MALLOC_CONF").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T>(name: &str) -> T
    where
        tikv_jemalloc_ctl::Name: Access<T>,
    {
        name.name().read().unwrap()
    }

    /// One test, since there is one allocator.
    #[test]
    fn what_is_free_goes_back_at_once_from_few_pools() {
        let kept_ms: isize = read("arenas.dirty_decay_ms\0");
        assert!(kept_ms > 0, "a query's memory stays");
        give_back_at_once();
        for name in ["arenas.dirty_decay_ms\0", "arenas.muzzy_decay_ms\0"] {
            assert_eq!(read::<isize>(name), 0, "{name}");
        }
        for _ in 0..6 {
            let pool = std::thread::spawn(|| {
                share_pool();
                let pool: u32 = read("thread.arena\0");
                (pool, read::<isize>(&format!("arena.{pool}.dirty_decay_ms\0")))
            });
            let (pool, kept_ms) = pool.join().unwrap();
            assert!(pool < POOLS, "{pool}");
            assert_eq!(kept_ms, 0);
        }
    }
}
