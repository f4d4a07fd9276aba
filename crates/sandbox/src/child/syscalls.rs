//! Seccomp: the system calls that Python needs to compute, and no other.
//!
//! What is not listed is refused with EPERM: sockets, new processes and namespaces, ptrace, mounts, keys, BPF,
//! performance events, userfaultfd, modules, kexec, io_uring, and whatever a later kernel brings.

use std::collections::BTreeMap;

use libc as sys;
use seccompiler::SeccompCmpArgLen::{Dword, Qword};
use seccompiler::SeccompCmpOp::{Eq, MaskedEq};
use seccompiler::{BpfProgram, SeccompAction, SeccompCondition, SeccompFilter, SeccompRule, apply_filter};

/// Calls whose arguments do not matter.
#[rustfmt::skip]
const ALLOWED: &[i64] = &[
    // reading and writing
    sys::SYS_read, sys::SYS_write, sys::SYS_readv, sys::SYS_writev, sys::SYS_pread64, sys::SYS_pwrite64,
    sys::SYS_openat, sys::SYS_close, sys::SYS_close_range, sys::SYS_lseek, sys::SYS_fstat, sys::SYS_newfstatat,
    sys::SYS_statx, sys::SYS_faccessat, sys::SYS_faccessat2, sys::SYS_readlinkat, sys::SYS_getdents64,
    sys::SYS_getcwd, sys::SYS_chdir, sys::SYS_fcntl, sys::SYS_dup, sys::SYS_dup3, sys::SYS_pipe2,
    sys::SYS_ftruncate, sys::SYS_fsync, sys::SYS_fdatasync, sys::SYS_fadvise64, sys::SYS_umask,
    sys::SYS_unlinkat, sys::SYS_mkdirat, sys::SYS_renameat, sys::SYS_renameat2, sys::SYS_statfs, sys::SYS_fstatfs,
    // memory
    sys::SYS_mmap, sys::SYS_munmap, sys::SYS_mprotect, sys::SYS_mremap, sys::SYS_madvise, sys::SYS_brk,
    // waiting and threads
    sys::SYS_futex, sys::SYS_set_robust_list, sys::SYS_get_robust_list, sys::SYS_rseq, sys::SYS_set_tid_address,
    sys::SYS_sched_yield, sys::SYS_sched_getaffinity, sys::SYS_ppoll, sys::SYS_pselect6, sys::SYS_membarrier,
    sys::SYS_epoll_create1, sys::SYS_epoll_ctl, sys::SYS_epoll_pwait, sys::SYS_eventfd2, sys::SYS_clone3,
    // signals to itself
    sys::SYS_rt_sigaction, sys::SYS_rt_sigprocmask, sys::SYS_rt_sigreturn, sys::SYS_sigaltstack, sys::SYS_tgkill,
    sys::SYS_setitimer, sys::SYS_getitimer, sys::SYS_restart_syscall,
    // clocks and who am I
    sys::SYS_clock_gettime, sys::SYS_clock_getres, sys::SYS_clock_nanosleep, sys::SYS_nanosleep,
    sys::SYS_gettimeofday, sys::SYS_times, sys::SYS_getrusage, sys::SYS_uname, sys::SYS_sysinfo, sys::SYS_getrandom,
    sys::SYS_getpid, sys::SYS_gettid, sys::SYS_getppid, sys::SYS_getuid, sys::SYS_geteuid, sys::SYS_getgid,
    sys::SYS_getegid, sys::SYS_getgroups, sys::SYS_getrlimit,
    // Becoming Python, and the end. The code may become something else once more: another program of the system, or ours
    // again. It gains nothing by it. Every wall stands around the process and not around Python: namespaces, limits, Landlock,
    // this filter and the loss of all capabilities outlive `execve`, no program is set-user-id there, and the verdict comes
    // from another process. A filter cannot read the path, and a wall that let only Python be executed would not hold: the
    // linker, which Python needs, loads any file that can be read.
    sys::SYS_execve, sys::SYS_exit, sys::SYS_exit_group,
];
/// Calls that only the older architecture has.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const ALLOWED_HERE: &[i64] = &[
    sys::SYS_open, sys::SYS_stat, sys::SYS_lstat, sys::SYS_access, sys::SYS_readlink, sys::SYS_getdents,
    sys::SYS_dup2, sys::SYS_pipe, sys::SYS_unlink, sys::SYS_mkdir, sys::SYS_rmdir, sys::SYS_rename,
    sys::SYS_poll, sys::SYS_select, sys::SYS_epoll_wait, sys::SYS_arch_prctl, sys::SYS_time, sys::SYS_alarm,
];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_HERE: &[i64] = &[];
/// What a terminal is asked, and whether a file outlives the program; never `TIOCSTI`, which types for the user.
const REQUESTS: [u64; 4] = [sys::TCGETS, sys::TIOCGWINSZ, sys::FIOCLEX, sys::FIONCLEX];
/// A thread shares everything with its process: no process of its own, no namespace.
const THREAD: u64 = sys::CLONE_THREAD as u64;
const NOT_IN_A_THREAD: i32 = sys::CLONE_NEWNS
    | sys::CLONE_NEWCGROUP
    | sys::CLONE_NEWUTS
    | sys::CLONE_NEWIPC
    | sys::CLONE_NEWUSER
    | sys::CLONE_NEWPID
    | sys::CLONE_NEWNET;

#[derive(Debug, thiserror::Error)]
#[error("seccomp: {0}")]
pub(super) struct SeccompError(String);

impl SeccompError {
    fn of(error: impl std::fmt::Display) -> Self {
        SeccompError(error.to_string())
    }
}

/// Sets it on this process, for good.
pub(super) fn limit() -> Result<(), SeccompError> {
    let refuse = |errno: i32| SeccompAction::Errno(errno.unsigned_abs());
    // The flags of `clone3` lie in memory, where a filter cannot look. A C library that is told that there is no such
    // call makes its threads with `clone`. Where two filters disagree the stricter one holds.
    let no_clone3 = BTreeMap::from([(sys::SYS_clone3, Vec::new())]);
    apply(no_clone3, SeccompAction::Allow, refuse(sys::ENOSYS))?;
    apply(allowed()?, refuse(sys::EPERM), SeccompAction::Allow)
}

fn apply(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    otherwise: SeccompAction,
    listed: SeccompAction,
) -> Result<(), SeccompError> {
    let architecture = std::env::consts::ARCH.try_into().map_err(SeccompError::of)?;
    let filter = SeccompFilter::new(rules, otherwise, listed, architecture).map_err(SeccompError::of)?;
    let program: BpfProgram = filter.try_into().map_err(SeccompError::of)?;
    apply_filter(&program).map_err(SeccompError::of)
}

fn allowed() -> Result<BTreeMap<i64, Vec<SeccompRule>>, SeccompError> {
    let rule = |index, length, operator, value| {
        let condition = SeccompCondition::new(index, length, operator, value).map_err(SeccompError::of)?;
        SeccompRule::new(vec![condition]).map_err(SeccompError::of)
    };
    let anyhow = ALLOWED.iter().chain(ALLOWED_HERE).map(|call| (*call, Vec::new()));
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = anyhow.collect();
    let threads_only = MaskedEq(THREAD | NOT_IN_A_THREAD.unsigned_abs() as u64);
    rules.insert(sys::SYS_clone, vec![rule(0, Qword, threads_only, THREAD)?]);
    // Limits may be asked for, not set.
    rules.insert(sys::SYS_prlimit64, vec![rule(2, Qword, Eq, 0)?]);
    let requests: Result<_, _> = REQUESTS.iter().map(|request| rule(1, Dword, Eq, *request)).collect();
    rules.insert(sys::SYS_ioctl, requests?);
    Ok(rules)
}
