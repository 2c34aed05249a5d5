/* Makes the files below the folder ODD_ROOT lie on a file system that lacks things, for programs started with LD_PRELOAD.
   ODD lists what fails and with which number, for example "link=38 lock=37 dirsync=22": link, rename (without replacing),
   dirsync (of a folder), filesync, lock (of a record), flock (of a file). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fails(const char *what, const char *path) {
  const char *root = getenv("ODD_ROOT"), *odd = getenv("ODD");
  if (!root || !odd || !path || strncmp(path, root, strlen(root))) return 0;
  char wanted[32];
  snprintf(wanted, sizeof wanted, "%s=", what);
  for (const char *at = odd; (at = strstr(at, wanted)); at++)
    if (at == odd || at[-1] == ' ') return errno = atoi(at + strlen(wanted));
  return 0;
}

static int fails_at(const char *what, int descriptor) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return fails(what, path);
}

#define NEXT(name, type) ((type)dlsym(RTLD_NEXT, #name))

int link(const char *from, const char *to) {
  return fails("link", to) ? -1 : NEXT(link, int (*)(const char *, const char *))(from, to);
}

int linkat(int a, const char *from, int b, const char *to, int flags) {
  return fails("link", to) ? -1 : NEXT(linkat, int (*)(int, const char *, int, const char *, int))(a, from, b, to, flags);
}

int renameat2(int a, const char *from, int b, const char *to, unsigned flags) {
  if (flags && fails("rename", to)) return -1;
  return NEXT(renameat2, int (*)(int, const char *, int, const char *, unsigned))(a, from, b, to, flags);
}

int fsync(int descriptor) {
  struct stat about;
  int kept = !fstat(descriptor, &about) && S_ISDIR(about.st_mode);
  return fails_at(kept ? "dirsync" : "filesync", descriptor) ? -1 : NEXT(fsync, int (*)(int))(descriptor);
}

int flock(int descriptor, int operation) {
  return fails_at("flock", descriptor) ? -1 : NEXT(flock, int (*)(int, int))(descriptor, operation);
}

#define RECORD_LOCK(name)                                                                      \
  int name(int descriptor, int command, ...) {                                                 \
    va_list rest;                                                                              \
    va_start(rest, command);                                                                   \
    void *argument = va_arg(rest, void *);                                                     \
    va_end(rest);                                                                              \
    if ((command == F_SETLK || command == F_SETLKW) && fails_at("lock", descriptor)) return -1; \
    return NEXT(name, int (*)(int, int, void *))(descriptor, command, argument);               \
  }
RECORD_LOCK(fcntl)
RECORD_LOCK(fcntl64)
