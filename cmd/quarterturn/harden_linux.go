package main

import "golang.org/x/sys/unix"

// harden keeps secrets out of core dumps and away from other processes of the same user. Where the kernel refuses, the
// program still works: docs/security.md promises no more.
func harden() {
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}
