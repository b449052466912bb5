/* The launcher: one small process per job that runs the user's command and outlives the engine.
 *
 *   tiphys-launcher JOBDIR LOCKFD GRACE SECONDS AT FLAGS CWD COMMAND [ARG...]
 *
 * JOBDIR   the job directory (executor/contract.py says what every file in it means)
 * LOCKFD   an open descriptor of JOBDIR/lock that is already locked; held until the end, so that
 *          "locked" means "a launcher lives"; the command does not inherit it
 * GRACE    seconds between SIGTERM and SIGKILL; JOBDIR/ctr/main/grace, if there, replaces it when
 *          SIGTERM comes (a second SIGTERM may shorten the wait, never lengthen it)
 * SECONDS  deadline counted from the start of the command, or "-"
 * AT       deadline as seconds since the epoch, or "-"
 * FLAGS    "-" or letters: r = capture standard output as the result,
 *          s = the command is bubblewrap: signals go to the session inside, not to bubblewrap
 * CWD      the command's working directory
 *
 * The environment is the command's environment. Nothing here is passed through a shell.
 *
 * Written, in this order: pid, ctr/main/combined (and stdout), deadline (only if one passed),
 * termination-log (only if the command could not be started), usage, ctr/main/exitcode. The exit
 * code comes last and atomically: a job with an exit code is over and all else about it is there.
 *
 * launcher.py is the same program in Python for machines without a compiler; the tests run both.
 * launcher_libc.c replaces the C library, whose start would cost more than everything here.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CANNOT_START = 64, LONGEST_WAIT_MS = 60000 };
static const double DEAF_SECONDS = 0.02;

static int job_fd;          /* the job directory */
static pid_t child = -1;    /* the command, leader of its process group */
static int child_status;    /* as wait4 gives it, once child_over */
static int child_over;
static int in_sandbox;
static double grace_seconds;
static double kill_at = INFINITY; /* on the monotonic clock */
static int unheard;               /* SIGTERM came when nobody could hear it: send it again */
static double cpu_seconds;
static long peak_kilobytes;
static int combined_fd = -1, stdout_fd = -1, pipe_fd = -1;

static double now_on(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ------------------------------------------------------------------------------ small files */

static void write_all(int fd, const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t n = write(fd, bytes, length);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return; /* a full disk must not keep the job from ending */
        bytes += n;
        length -= (size_t)n;
    }
}

static void put(const char *name, const char *format, ...) {
    char text[4096];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (length >= (int)sizeof text) length = sizeof text - 1;
    int fd = openat(job_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return;
    /* An empty file is not truncated: ext4 would then write it to the disk when it is closed. */
    if (lseek(fd, 0, SEEK_END) > 0 && ftruncate(fd, 0) == 0) lseek(fd, 0, SEEK_SET);
    write_all(fd, text, (size_t)length);
    close(fd);
}

/* Return the number in a small file of the job directory, or `otherwise`. */
static double get_number(const char *name, double otherwise) {
    char text[64];
    int fd = openat(job_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return otherwise;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0) return otherwise;
    text[n] = 0;
    char *end;
    double value = strtod(text, &end);
    return end == text || !(value >= 0) ? otherwise : value;
}

/* pid and start time (field 22 of stat) name this process even after its number is reused. */
static void put_pid(void) {
    char text[1024];
    unsigned long long started = 0;
    int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    text[n > 0 ? n : 0] = 0;
    char *field = strrchr(text, ')'); /* the name in brackets may hold blanks */
    for (int i = 2; field && i < 22; i++) field = strchr(field + 1, ' ');
    if (field) started = strtoull(field, NULL, 10);
    put("pid", "%d %llu", (int)getpid(), started);
}

/* -------------------------------------------------------------------------------- the command */

static _Noreturn void give_up(const char *format, const char *name, const char *reason) {
    put("termination-log", format, name, reason);
    double now = now_on(CLOCK_REALTIME);
    put("usage", "{\"started_at\":%.6f,\"finished_at\":%.6f}", now, now);
    put("ctr/main/exitcode.tmp", "%d", CANNOT_START);
    renameat(job_fd, "ctr/main/exitcode.tmp", job_fd, "ctr/main/exitcode");
    _exit(0);
}

static int runnable(const char *path) {
    struct stat info;
    if (stat(path, &info) < 0) return errno;
    if (S_ISDIR(info.st_mode)) return EISDIR;
    return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? EACCES : 0;
}

/* Source: Go os/exec.LookPath, whose texts users see. */
static const char *find_command(const char *name) {
    static char path[8192];
    if (strchr(name, '/')) {
        int problem = runnable(name);
        if (!problem) return name;
        if (problem == EISDIR || problem == EACCES)
            give_up("failed to find name in PATH: exec: \"%s\": %s", name,
                    problem == EISDIR ? "is a directory" : "permission denied");
        char reason[4200];
        snprintf(reason, sizeof reason, "stat %.4000s: %s", name,
                 problem == ENOENT ? "no such file or directory"
                 : problem == ENOTDIR ? "not a directory" : strerror(problem));
        give_up("failed to find name in PATH: exec: \"%s\": %s", name, reason);
    }
    const char *at = getenv("PATH");
    while (at && *at && *name) {
        const char *end = strchrnul(at, ':');
        int length = snprintf(path, sizeof path, "%.*s/%s", (int)(end - at), at, name);
        if (end > at && length < (int)sizeof path && runnable(path) == 0) return path;
        at = *end ? end + 1 : end;
    }
    give_up("failed to find name in PATH: exec: \"%s\": %s", name,
            "executable file not found in $PATH");
}

/* Start the command; the child shares this memory until it runs the program (vfork). */
static void start_command(char **argv, const char *path) {
    static volatile int problem;
    int ends[2] = {-1, -1};
    if (stdout_fd >= 0) {
        if (pipe2(ends, O_CLOEXEC) < 0) give_up("failed to start command: %s: %s", "pipe", strerror(errno));
        fcntl(ends[0], F_SETFL, O_NONBLOCK);
        pipe_fd = ends[0];
    }
    pid_t launcher = getpid();
    child = vfork();
    if (child == 0) {
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* no command without its launcher */
        if (getppid() != launcher) _exit(CANNOT_START);
        if (ends[1] >= 0) dup2(ends[1], 1);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        execv(path, argv);
        problem = errno;
        _exit(CANNOT_START);
    }
    int failure = child >= 0 ? problem : errno ? errno : EAGAIN;
    if (ends[1] >= 0) close(ends[1]);
    if (child < 0 || failure) {
        if (child > 0) waitpid(child, NULL, 0);
        char reason[256];
        snprintf(reason, sizeof reason, "%s", failure == ENOENT ? "no such file or directory"
                 : failure == ENOEXEC ? "exec format error" : strerror(failure));
        give_up("failed to start command: fork/exec %s: %s", path, reason);
    }
}

/* ---------------------------------------------------------------------------------- signals */

/* The kernel's list of our children, as text; also `of` another process's. */
static ssize_t children_of(pid_t pid, char *text, size_t size) {
    char name[64];
    snprintf(name, sizeof name, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    ssize_t n = read(fd, text, size - 1);
    close(fd);
    text[n > 0 ? n : 0] = 0;
    return n;
}

/* bubblewrap itself would die of SIGTERM and take everything along at once. Its child is the
 * leader of the session inside, and pid 1 there, which is deaf: the rest of the group listens. */
static int signal_inside(int number) {
    char text[256];
    if (children_of(child, text, sizeof text) <= 0) return -1;
    return kill(-(pid_t)strtol(text, NULL, 10), number);
}

/* Whether bubblewrap is still making the sandbox: nobody in there can hear a signal yet. */
static int is_still_deaf(void) {
    char text[256];
    if (!in_sandbox || children_of(child, text, sizeof text) <= 0) return 0;
    return children_of((pid_t)strtol(text, NULL, 10), text, sizeof text) == 0;
}

static void forward(int number) {
    if (in_sandbox && number != SIGKILL && signal_inside(number) == 0) return;
    if (kill(-child, number) < 0) kill(child, number);
}

static void begin_end(void) {
    double grace = get_number("ctr/main/grace", grace_seconds);
    double at = now_on(CLOCK_MONOTONIC) + grace;
    if (at < kill_at) kill_at = at;
    unheard = is_still_deaf();
    forward(SIGTERM);
}

static int reap(int flags) {
    struct rusage used;
    int status;
    pid_t pid = wait4(-1, &status, flags, &used);
    if (pid <= 0) return (int)pid;
    cpu_seconds += (double)used.ru_utime.tv_sec + (double)used.ru_utime.tv_usec / 1e6 +
                   (double)used.ru_stime.tv_sec + (double)used.ru_stime.tv_usec / 1e6;
    if (used.ru_maxrss > peak_kilobytes) peak_kilobytes = used.ru_maxrss;
    if (pid == child) {
        child_status = status;
        child_over = 1;
    }
    return 1;
}

static void on_signal(int fd) {
    struct signalfd_siginfo info[8];
    ssize_t n = read(fd, info, sizeof info);
    for (ssize_t i = 0; i < n / (ssize_t)sizeof info[0]; i++) {
        int number = (int)info[i].ssi_signo;
        if (number == SIGCHLD) {
            while (!child_over && reap(WNOHANG) > 0) continue;
        } else if (number == SIGTERM) {
            begin_end();
        } else if (number != SIGURG) {
            forward(number);
        }
    }
}

/* Kill what the command left behind. A killed process's children become ours, hence the loop. */
static void sweep(void) {
    static char text[65536];
    kill(-child, SIGKILL);
    for (;;) {
        int found = reap(WNOHANG);
        if (found > 0) continue;
        if (found < 0) return;
        char *at = text;
        if (children_of(getpid(), text, sizeof text) < 0) return; /* kernel without the list */
        for (long pid; (pid = strtol(at, &at, 10)) > 0;) kill((pid_t)pid, SIGKILL);
        reap(0);
    }
}

/* --------------------------------------------------------------------------------- the wait */

static void copy_output(void) {
    static char bytes[65536];
    for (;;) {
        ssize_t n = read(pipe_fd, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return; /* nothing more for now */
        if (n == 0) {
            close(pipe_fd);
            pipe_fd = -1;
            return;
        }
        write_all(stdout_fd, bytes, (size_t)n);
        write_all(combined_fd, bytes, (size_t)n);
    }
}

static void wait_for_command(int signal_fd, double until, double until_at) {
    int deadline_told = 0;
    while (!child_over) {
        double now = now_on(CLOCK_MONOTONIC), left = kill_at - now;
        if (!deadline_told) {
            double real_left = until_at - now_on(CLOCK_REALTIME);
            if (until <= now || real_left <= 0) {
                put("deadline", "%s", until <= now ? "seconds" : "at");
                deadline_told = 1;
                begin_end();
                continue;
            }
            if (until - now < left) left = until - now;
            if (real_left < left) left = real_left;
        }
        if (kill_at <= now) {
            kill_at = INFINITY;
            unheard = 0;
            forward(SIGKILL);
            continue;
        }
        if (unheard && !(unheard = is_still_deaf())) forward(SIGTERM);
        if (unheard && left > DEAF_SECONDS) left = DEAF_SECONDS;
        int wait_ms = left > LONGEST_WAIT_MS / 1e3 ? LONGEST_WAIT_MS : (int)(left * 1e3) + 1;
        if (isinf(left) && left > 0) wait_ms = -1;
        struct pollfd wanted[2] = {{signal_fd, POLLIN, 0}, {pipe_fd, POLLIN, 0}};
        if (poll(wanted, pipe_fd >= 0 ? 2 : 1, wait_ms) <= 0) continue;
        if (pipe_fd >= 0 && wanted[1].revents) copy_output();
        if (wanted[0].revents) on_signal(signal_fd);
    }
}

static double deadline_of(const char *text) {
    return strcmp(text, "-") == 0 ? INFINITY : strtod(text, NULL);
}

static void open_files(const char *flags) {
    int append = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;
    mkdirat(job_fd, "ctr", 0755);
    mkdirat(job_fd, "ctr/main", 0755);
    int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    combined_fd = openat(job_fd, "ctr/main/combined", append, 0644);
    if (null_fd >= 0) dup2(null_fd, 0);
    if (combined_fd >= 0) {
        dup2(combined_fd, 1);
        dup2(combined_fd, 2);
    }
    if (strchr(flags, 'r')) stdout_fd = openat(job_fd, "ctr/main/stdout", append, 0644);
}

int main(int argc, char **argv) {
    if (argc < 9) {
        static const char usage[] =
            "usage: tiphys-launcher JOBDIR LOCKFD GRACE SECONDS AT FLAGS CWD COMMAND [ARG...]\n";
        write_all(2, usage, sizeof usage - 1);
        return CANNOT_START;
    }
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    job_fd = open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (job_fd < 0) return CANNOT_START;
    fcntl(atoi(argv[2]), F_SETFD, FD_CLOEXEC);
    setsid();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (faccessat(job_fd, "ctr/main/exitcode", F_OK, 0) == 0) return 0; /* ran already */
    put_pid();
    open_files(argv[6]);
    grace_seconds = strtod(argv[3], NULL);
    in_sandbox = strchr(argv[6], 's') != NULL;
    if (chdir(argv[7]) < 0) give_up("failed to start command: chdir %s: %s", argv[7], strerror(errno));

    int signal_fd = signalfd(-1, &all, SFD_CLOEXEC);
    const char *path = find_command(argv[8]);
    double began_at = now_on(CLOCK_REALTIME), began = now_on(CLOCK_MONOTONIC);
    start_command(argv + 8, path);
    wait_for_command(signal_fd, began + deadline_of(argv[4]), deadline_of(argv[5]));
    double wall = now_on(CLOCK_MONOTONIC) - began;
    sweep();
    if (pipe_fd >= 0) copy_output();

    int code = WIFSIGNALED(child_status) ? 128 + WTERMSIG(child_status) : WEXITSTATUS(child_status);
    put("usage",
        "{\"cpu_seconds\":%.6f,\"peak_memory_bytes\":%lld,\"wall_seconds\":%.6f,"
        "\"started_at\":%.6f,\"finished_at\":%.6f}",
        cpu_seconds, (long long)peak_kilobytes * 1024, wall, began_at, began_at + wall);
    put("ctr/main/exitcode.tmp", "%d", code);
    renameat(job_fd, "ctr/main/exitcode.tmp", job_fd, "ctr/main/exitcode");
    return 0;
}
