//! How much memory the queries of a command may hold.
//!
//! Hash joins do not spill, so a fixed limit would refuse large audits on machines that have room for them: it is half
//! of what the machine, or the control group in which the process runs, has.

use std::fs::read_to_string;

/// Where the system does not tell, and on small machines.
const LEAST_BYTE: usize = 2 << 30;

/// What the queries of a command hold in memory at most.
#[must_use]
pub fn limit_byte() -> usize {
    let machine = read_to_string("/proc/meminfo").ok();
    let group = read_to_string("/sys/fs/cgroup/memory.max").ok();
    half(
        machine.as_deref().unwrap_or_default(),
        group.as_deref().unwrap_or_default(),
    )
}

/// From the texts of `/proc/meminfo` and of a control group's `memory.max`, which may say `max`.
fn half(machine: &str, group: &str) -> usize {
    let kilobyte = machine.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kilobyte = kilobyte.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<usize>().ok());
    let machine = kilobyte.map(|kilobyte| kilobyte.saturating_mul(1024));
    let group = group.trim().parse().ok();
    let least = machine.into_iter().chain(group).min();
    least.map_or(LEAST_BYTE, |byte: usize| LEAST_BYTE.max(byte / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_smaller_and_never_less_than_two_gigabytes() {
        let machine = "MemTotal:       25165824 kB\nMemFree:        1024 kB\n";
        assert_eq!(half(machine, "max\n"), 12 << 30);
        assert_eq!(half(machine, "8589934592\n"), 4 << 30);
        assert_eq!(half("", "8589934592\n"), 4 << 30);
        for (machine, group) in [("", ""), ("MemTotal: many kB", "max"), (machine, "1048576")] {
            assert_eq!(half(machine, group), LEAST_BYTE);
        }
    }
}
