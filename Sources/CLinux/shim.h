// Calls of the C library that Swift's Glibc module leaves out, because it reads the headers without _GNU_SOURCE.
#ifndef CLINUX_SHIM_H
#define CLINUX_SHIM_H

#include <sys/eventfd.h>

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

#endif
