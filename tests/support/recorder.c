/* Notes, in order, what a process does to the files below a folder: for tests/support/powercut.py.
   gcc -shared -fPIC -o recorder.so recorder.c -ldl; LD_PRELOAD=recorder.so RECORD_FOLDER=... RECORD_TO=... */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static int to = -1;
static const char *folder;

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void) {
    folder = getenv("RECORD_FOLDER");
    const char *path = getenv("RECORD_TO");
    if (folder && path) to = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int within(const char *path) { return to >= 0 && path && strncmp(path, folder, strlen(folder)) == 0; }

static int path_of(int fd, char *path) {
    char link[64];
    if (to < 0 || fd == to) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return within(path);
}

/* one writev each: they do not mix, whatever thread they come from */
static void note(char what, const char *path, uint64_t offset, const void *data, uint64_t size) {
    uint64_t head[4] = {(uint64_t)what, strlen(path), offset, size};
    struct iovec parts[3] = {{head, sizeof head}, {(void *)path, head[1]}, {(void *)data, size}};
    if (writev(to, parts, data ? 3 : 2) < 0) abort();
}

#define WRITES_AT(name, type) \
    ssize_t name(int fd, const void *data, size_t size, type offset) { \
        REAL(name); \
        char path[PATH_MAX]; \
        ssize_t done = real(fd, data, size, offset); \
        if (done > 0 && path_of(fd, path)) note('W', path, offset, data, done); \
        return done; \
    }
WRITES_AT(pwrite, off_t)
WRITES_AT(pwrite64, off64_t)

ssize_t write(int fd, const void *data, size_t size) {
    REAL(write);
    char path[PATH_MAX];
    ssize_t done = real(fd, data, size);
    if (done > 0 && path_of(fd, path)) note('W', path, lseek(fd, 0, SEEK_CUR) - done, data, done);
    return done;
}

#define TRUNCATES(name, type) \
    int name(int fd, type size) { \
        REAL(name); \
        char path[PATH_MAX]; \
        int failed = real(fd, size); \
        if (!failed && path_of(fd, path)) note('T', path, size, NULL, 0); \
        return failed; \
    }
TRUNCATES(ftruncate, off_t)
TRUNCATES(ftruncate64, off64_t)

#define SYNCS(name) \
    int name(int fd) { \
        REAL(name); \
        char path[PATH_MAX]; \
        int failed = real(fd); \
        if (!failed && path_of(fd, path)) note('S', path, 0, NULL, 0); \
        return failed; \
    }
SYNCS(fsync)
SYNCS(fdatasync)

int unlink(const char *path) {
    REAL(unlink);
    int failed = real(path);
    if (!failed && within(path)) note('U', path, 0, NULL, 0);
    return failed;
}

int rename(const char *from, const char *into) {
    REAL(rename);
    int failed = real(from, into);
    if (!failed && within(from)) note('R', from, 0, into, strlen(into));
    return failed;
}

#define OPENS(name) \
    int name(const char *path, int flags, ...) { \
        REAL(name); \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest); \
        int made = flags & O_CREAT && within(path) && access(path, F_OK) != 0; \
        int fd = real(path, flags, mode); \
        if (fd >= 0 && made) note('C', path, 0, NULL, 0); \
        if (fd >= 0 && !made && flags & O_TRUNC && within(path)) note('T', path, 0, NULL, 0); \
        return fd; \
    }
OPENS(open)
OPENS(open64)
