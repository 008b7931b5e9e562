/* Makes the k-th write, sync, rename, unlink or mkdir below a folder fail, in every process that this is preloaded into.

   PILLION_FAULTY_IO names a file of one struct plan, shared by all of them, which a test fills in and reads. Loaded with
   LD_PRELOAD; tests/support/faulty_io.py compiles it. What a library calls by the kernel's number (Rust's syncfs) is not
   seen here: failpoints.py has a point for it. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define CALLS 4096

struct plan {
    _Atomic long count;     /* calls seen since the test set it to 0 */
    _Atomic long at;        /* the one that fails, counted from 1; 0: none */
    _Atomic long onwards;   /* 1: all after it fail too */
    _Atomic long error;     /* errno */
    _Atomic long failed;    /* calls that failed */
    char under[PATH_MAX];   /* only paths below this folder count */
    char last[PATH_MAX];    /* what failed last, for the test's message */
    _Atomic unsigned calls[CALLS]; /* of each call seen, in order, a number that another call or path hardly has */
};

static struct plan *plan;

__attribute__((constructor)) static void attach(void) {
    const char *path = getenv("PILLION_FAULTY_IO");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *mapped = mmap(NULL, sizeof(struct plan), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED) plan = mapped;
    close(file);
}

/* FNV-1a of a call and its path; never 0. */
static unsigned number_of(const char *call, const char *path) {
    unsigned number = 2166136261u;
    for (const char *text = call; *text; text++) number = (number ^ (unsigned char)*text) * 16777619u;
    for (const char *text = path; *text; text++) number = (number ^ (unsigned char)*text) * 16777619u;
    return number | 1;
}

/* Whether this call is one that has to fail; sets errno then. */
static int fails(const char *call, const char *path) {
    if (!plan || !path || !atomic_load(&plan->at)) return 0;
    size_t length = strlen(plan->under);
    if (length == 0 || strncmp(path, plan->under, length) != 0) return 0;
    long number = atomic_fetch_add(&plan->count, 1) + 1, at = atomic_load(&plan->at);
    if (number <= CALLS) atomic_store(&plan->calls[number - 1], number_of(call, path));
    if (number != at && !(atomic_load(&plan->onwards) && number > at)) return 0;
    atomic_fetch_add(&plan->failed, 1);
    snprintf(plan->last, sizeof plan->last, "%s %.3000s", call, path);
    errno = (int)atomic_load(&plan->error);
    return 1;
}

static const char *path_of(int file, char *buffer) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, buffer, PATH_MAX - 1);
    if (length < 0) return NULL;
    buffer[length] = 0;
    return buffer;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAILS_FD(call, file) ({ char buffer[PATH_MAX]; plan && atomic_load(&plan->at) && fails(call, path_of(file, buffer)); })

ssize_t write(int file, const void *data, size_t size) {
    return FAILS_FD("write", file) ? -1 : NEXT(write)(file, data, size);
}

ssize_t pwrite(int file, const void *data, size_t size, off_t at) {
    return FAILS_FD("write", file) ? -1 : NEXT(pwrite)(file, data, size, at);
}

ssize_t pwrite64(int file, const void *data, size_t size, off64_t at) {
    return FAILS_FD("write", file) ? -1 : NEXT(pwrite64)(file, data, size, at);
}

/* One that does not fail does nothing: no test here cuts the power, and what was written is there for every process. */
int fsync(int file) { return FAILS_FD("fsync", file) ? -1 : 0; }

int fdatasync(int file) { return FAILS_FD("fsync", file) ? -1 : 0; }

int ftruncate(int file, off_t size) { return FAILS_FD("truncate", file) ? -1 : NEXT(ftruncate)(file, size); }

int ftruncate64(int file, off64_t size) { return FAILS_FD("truncate", file) ? -1 : NEXT(ftruncate64)(file, size); }

int rename(const char *from, const char *to) { return fails("rename", to) ? -1 : NEXT(rename)(from, to); }

int mkdir(const char *path, mode_t mode) { return fails("mkdir", path) ? -1 : NEXT(mkdir)(path, mode); }

int unlink(const char *path) { return fails("unlink", path) ? -1 : NEXT(unlink)(path); }
