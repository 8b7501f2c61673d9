/* Fails the n-th call that changes a folder. Loaded ahead of the C library (LD_PRELOAD), so that
 * the calls of Python, of HDF5 and of every other library pass here. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#undef open
#undef open64
#undef pwrite
#undef pwrite64
#undef ftruncate
#undef ftruncate64

enum { OPEN = 1, WRITE, TRUNCATE, SYNC, RENAME, UNLINK, MKDIR };

static char folder[4096];
static int nth, failure, stays, killing;
static int seen, fired;

void faults_arm(const char *where, int number, int error, int on, int dies) {
    strncpy(folder, where, sizeof folder - 1);
    nth = number;
    failure = error;
    stays = on;
    killing = dies;
    seen = fired = 0;
}
int faults_seen(void) { return seen; }
int faults_fired(void) { return fired; }

/* Whether this call fails. A fault that stays is a full disk: only what takes space fails. */
static int hit(int kind, int grows) {
    int number = __atomic_add_fetch(&seen, 1, __ATOMIC_SEQ_CST);
    if (!nth || number < nth || (number > nth && !stays) || (stays && !grows)) return 0;
    if (killing) kill(getpid(), SIGKILL);
    if (!fired) fired = kind;
    errno = failure;
    return 1;
}

static int below(const char *path) {
    return folder[0] && path && !strncmp(path, folder, strlen(folder));
}

static int below_fd(int fd) {
    char link[64], path[4096];
    if (!folder[0]) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return below(path);
}

static int beyond(int fd, off_t end) {
    struct stat about;
    return fstat(fd, &about) || end > about.st_size;
}

#define OPENER(name)                                                                              \
    int name(const char *path, int flags, ...) {                                                  \
        va_list more;                                                                             \
        va_start(more, flags);                                                                    \
        mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;                                 \
        va_end(more);                                                                             \
        if ((flags & O_ACCMODE) != O_RDONLY && below(path) &&                                     \
            hit(OPEN, flags & O_CREAT && access(path, F_OK)))                                     \
            return -1;                                                                            \
        int (*plain)(const char *, int, ...) = dlsym(RTLD_NEXT, #name);                           \
        return plain(path, flags, mode);                                                          \
    }
OPENER(open)
OPENER(open64)

ssize_t write(int fd, const void *data, size_t size) {
    if (below_fd(fd) && hit(WRITE, beyond(fd, lseek(fd, 0, SEEK_CUR) + (off_t)size))) return -1;
    ssize_t (*plain)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    return plain(fd, data, size);
}

#define PWRITER(name)                                                                             \
    ssize_t name(int fd, const void *data, size_t size, off_t at) {                               \
        if (below_fd(fd) && hit(WRITE, beyond(fd, at + (off_t)size))) return -1;                  \
        ssize_t (*plain)(int, const void *, size_t, off_t) = dlsym(RTLD_NEXT, #name);             \
        return plain(fd, data, size, at);                                                         \
    }
PWRITER(pwrite)
PWRITER(pwrite64)

#define CUTTER(name)                                                                              \
    int name(int fd, off_t size) {                                                                \
        if (below_fd(fd) && hit(TRUNCATE, beyond(fd, size))) return -1;                           \
        int (*plain)(int, off_t) = dlsym(RTLD_NEXT, #name);                                       \
        return plain(fd, size);                                                                   \
    }
CUTTER(ftruncate)
CUTTER(ftruncate64)

#define SYNCER(name)                                                                              \
    int name(int fd) {                                                                            \
        if (below_fd(fd) && hit(SYNC, 0)) return -1;                                              \
        int (*plain)(int) = dlsym(RTLD_NEXT, #name);                                              \
        return plain(fd);                                                                         \
    }
SYNCER(fsync)
SYNCER(fdatasync)

int rename(const char *from, const char *to) {
    if (below(to) && hit(RENAME, 0)) return -1;
    int (*plain)(const char *, const char *) = dlsym(RTLD_NEXT, "rename");
    return plain(from, to);
}

int unlink(const char *path) {
    if (below(path) && hit(UNLINK, 0)) return -1;
    int (*plain)(const char *) = dlsym(RTLD_NEXT, "unlink");
    return plain(path);
}

int mkdir(const char *path, mode_t mode) {
    if (below(path) && hit(MKDIR, 1)) return -1;
    int (*plain)(const char *, mode_t) = dlsym(RTLD_NEXT, "mkdir");
    return plain(path, mode);
}
