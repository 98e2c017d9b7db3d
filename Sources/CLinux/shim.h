// Calls of the C library that Swift's Glibc module leaves out, because it reads the headers without _GNU_SOURCE.
#ifndef CLINUX_SHIM_H
#define CLINUX_SHIM_H

#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <unistd.h>

/// renameat2(2), Linux 3.15, glibc 2.28.
int renameat2(int old_directory, const char *old_path, int new_directory, const char *new_path, unsigned flags);

/// The flag of renameat2 that exchanges the two paths.
static const unsigned clinux_rename_exchange = 1u << 1;

/// The flag of open(2) for files that go past the page cache.
#if defined(__aarch64__) || defined(__arm__)
static const int clinux_direct = 0200000;
#else
static const int clinux_direct = 040000;
#endif

/// A non-blocking eventfd(2) that programs started by this one do not inherit.
static inline int clinux_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

/// Gives the calling thread a table of descriptors of its own, with the first three of the present one: close_range(2)
/// with CLOSE_RANGE_UNSHARE, Linux 5.9. The number is that of all architectures.
static inline int clinux_own_descriptors(void) { return (int)syscall(436, 3u, ~0u, 1u << 1); }

/// prlimit(2), Linux 2.6.36, glibc 2.13.
int prlimit(pid_t process, int resource, const struct rlimit *new_limit, struct rlimit *old_limit);

#endif
