// The whole user space of the machines that test/real dumps: this program is init and everything
// else. It plays a cast of tasks in every state, writes what /proc says of them to the serial
// console, and then does what `play=` on the kernel's command line asks for:
//
//	quiet     nothing more
//	pressure  processes that cannot be killed fight for memory with others that can
//	threads   5,000 more threads, before the truth is written
//	panic     echo c > /proc/sysrq-trigger
//
// The truth is one line a task, between two marks:
//
//	TRUTH-BEGIN
//	TASK <pid> <tgid> <ppid> <state letter> <comm in hex digits>
//	TRUTH-END <lines>
//	READY
//
// Nothing changes after READY on its own account; the machine is stopped and dumped then.

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB (1UL << 20)

// Set when the truth is out: the hogs, forked before, start.
static volatile int *gate;

static void die(const char *what)
{
	printf("GUEST-FAILED %s: %s\n", what, strerror(errno));
	reboot(RB_POWER_OFF);
}

static void name(const char *comm)
{
	prctl(PR_SET_NAME, comm);
}

static void sleep_for_good(void)
{
	for (;;)
		pause();
}

static void *thread_main(void *comm)
{
	if (comm)
		name(comm);
	sleep_for_good();
	return NULL;
}

static void start_threads(int count, const char *comm)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 16384);
	while (count--)
		if (pthread_create(&thread, &attr, thread_main, (void *)comm))
			die("pthread_create");
}

// Forks a child that plays `role` under a name of its own. Returns its pid.
static pid_t play(const char *comm, void (*role)(void))
{
	pid_t pid = fork();

	if (pid < 0)
		die(comm);
	if (pid == 0) {
		name(comm);
		role();
		sleep_for_good();
	}
	return pid;
}

static void idle_role(void) {}

static void threads_role(void)
{
	start_threads(4, "worker thread");
}

// The leader is gone (state Z), its threads live on.
static void dead_leader_role(void)
{
	start_threads(2, "orphan-thread");
	pthread_exit(NULL);
}

// A parent in state D: vfork(2) waits until the child execs or ends, which it never does.
static void vfork_role(void)
{
	if (vfork() == 0)
		for (;;)
			syscall(SYS_pause);
}

// A child that stays in state Z, because its parent does not wait for it.
static void zombie_parent_role(void)
{
	if (fork() == 0) {
		name("zombie");
		_exit(3);
	}
}

static void stopped_role(void)
{
	raise(SIGSTOP);
}

static void traced_role(void)
{
	pid_t child = fork();

	if (child == 0) {
		name("traced");
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGUSR1);
	} else {
		waitpid(child, NULL, __WALL);
	}
}

static void realtime_role(void)
{
	struct sched_param param = { .sched_priority = 42 };

	sched_setscheduler(0, SCHED_FIFO, &param);
}

static void nice_role(void)
{
	setpriority(PRIO_PROCESS, 0, 7);
}

static void pid_namespace_role(void)
{
	if (unshare(CLONE_NEWPID))
		die("CLONE_NEWPID");
	if (fork() == 0)
		name("init of a ns");
}

static void start_cast(void)
{
	static const char *const odd_comms[] = {
		"a (b) c", "two\nlines", "esc\033[31m", "back\\slash", "", " ", "bad\xff\xc3utf8",
		"100%s [k]: x=1", "exactly15bytes!", "\xe6\xbc\xa2\xe5\xad\x97",
	};
	size_t i;

	for (i = 0; i < sizeof(odd_comms) / sizeof(*odd_comms); i++)
		play(odd_comms[i], idle_role);
	play("threaded", threads_role);
	play("dead-leader", dead_leader_role);
	play("vfork-parent", vfork_role);
	play("zombie-parent", zombie_parent_role);
	play("stopped", stopped_role);
	play("tracer", traced_role);
	play("realtime", realtime_role);
	play("nice", nice_role);
	play("ns-parent", pid_namespace_role);
}

static void crowd_role(void)
{
	start_threads(99, NULL);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path);
	close(fd);
}

static void start_crowd(void)
{
	int i;

	// The default allows one thread for each 128 KiB of memory.
	write_file("/proc/sys/kernel/threads-max", "20000");
	for (i = 0; i < 50; i++)
		play("crowd", crowd_role);
	sleep(3);
}

static void wait_for_gate(void)
{
	while (!*gate)
		usleep(20000);
}

static void *map(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static void touch(char *memory, size_t size)
{
	size_t at;

	for (at = 0; at < size; at += 4096)
		memory[at] = 1;
}

// Takes memory and gives it back, all the time.
static void unkillable_hog_role(void)
{
	size_t size = 12 * MIB;
	char *memory;

	write_file("/proc/self/oom_score_adj", "-1000");
	memory = map(size);
	wait_for_gate();
	for (;;) {
		touch(memory, size);
		madvise(memory, size, MADV_DONTNEED);
	}
}

// Takes memory until the OOM killer comes.
static void killable_hog(void)
{
	size_t size = 96 * MIB;
	char *memory = map(size);

	name("hog-k");
	write_file("/proc/self/oom_score_adj", "500");
	for (;;)
		touch(memory, size);
}

// Keeps six killable hogs alive.
static void breeder_role(void)
{
	int alive = 0;

	write_file("/proc/self/oom_score_adj", "-1000");
	wait_for_gate();
	for (;;) {
		for (; alive < 6; alive++)
			if (fork() == 0)
				killable_hog();
		if (wait(NULL) > 0)
			alive--;
	}
}

static void start_hogs(void)
{
	char comm[16];
	int i;

	write_file("/proc/sys/vm/oom_dump_tasks", "0");
	for (i = 0; i < 8; i++) {
		snprintf(comm, sizeof(comm), "hog-u-%d", i);
		play(comm, unkillable_hog_role);
	}
	play("hog-breeder", breeder_role);
}

// One line of the truth, from /proc/<tgid>/task/<pid>/{comm,stat}.
static int print_task(const char *tgid, const char *pid)
{
	char path[64], comm[64], stat[512], state = '?';
	int ppid = -1, fd;
	ssize_t comm_size, stat_size, i;
	char *after;

	snprintf(path, sizeof(path), "/proc/%.10s/task/%.10s/comm", tgid, pid);
	fd = open(path, O_RDONLY);
	comm_size = read(fd, comm, sizeof(comm));
	close(fd);
	snprintf(path, sizeof(path), "/proc/%.10s/task/%.10s/stat", tgid, pid);
	fd = open(path, O_RDONLY);
	stat_size = read(fd, stat, sizeof(stat) - 1);
	close(fd);
	if (comm_size < 1 || stat_size < 1)
		return 0;
	stat[stat_size] = 0;
	after = strrchr(stat, ')');
	if (!after || sscanf(after + 1, " %c %d", &state, &ppid) != 2)
		return 0;
	printf("TASK %s %s %d %c ", pid, tgid, ppid, state);
	// comm ends with a newline of /proc's own.
	for (i = 0; i < comm_size - 1; i++)
		printf("%02x", (unsigned char)comm[i]);
	printf("\n");
	return 1;
}

static void print_truth(void)
{
	DIR *procs = opendir("/proc");
	struct dirent *proc, *task;
	int lines = 0;

	printf("TRUTH-BEGIN\n");
	while ((proc = readdir(procs))) {
		char path[64];
		DIR *tasks;

		if (proc->d_name[0] < '1' || proc->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%.10s/task", proc->d_name);
		tasks = opendir(path);
		while (tasks && (task = readdir(tasks)))
			if (task->d_name[0] != '.')
				lines += print_task(proc->d_name, task->d_name);
		if (tasks)
			closedir(tasks);
	}
	closedir(procs);
	printf("TRUTH-END %d\n", lines);
}

static void mount_all(void)
{
	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mkdir("/dev", 0755);
	if (mount("proc", "/proc", "proc", 0, NULL) || mount("sysfs", "/sys", "sysfs", 0, NULL))
		die("mount");
	if (mount("devtmpfs", "/dev", "devtmpfs", 0, NULL) && errno != EBUSY)
		die("devtmpfs");
}

// Init has no console: the initramfs holds no device node, so the kernel could not open one.
static void open_console(void)
{
	int fd = open("/dev/ttyS0", O_RDWR | O_NOCTTY);

	if (fd < 0)
		reboot(RB_POWER_OFF);
	dup2(fd, 0);
	dup2(fd, 1);
	dup2(fd, 2);
	setvbuf(stdout, NULL, _IOLBF, 8192);
}

// This driver hands the address of VMCOREINFO to QEMU's vmcoreinfo device.
static void load_fw_cfg(void)
{
	int fd = open("/qemu_fw_cfg.ko", O_RDONLY);

	if (fd >= 0 && syscall(SYS_finit_module, fd, "", 0))
		die("qemu_fw_cfg.ko");
	close(fd);
}

int main(void)
{
	char command_line[1024] = "";
	int fd;

	mount_all();
	open_console();
	load_fw_cfg();
	fd = open("/proc/cmdline", O_RDONLY);
	if (read(fd, command_line, sizeof(command_line) - 1) < 1)
		die("/proc/cmdline");
	close(fd);
	mlockall(MCL_CURRENT | MCL_FUTURE);
	gate = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	start_cast();
	if (strstr(command_line, "play=threads"))
		start_crowd();
	if (strstr(command_line, "play=pressure"))
		start_hogs();
	sleep(1);
	print_truth();
	if (strstr(command_line, "play=panic"))
		write_file("/proc/sysrq-trigger", "c");
	*gate = 1;
	if (strstr(command_line, "play=pressure"))
		sleep(3);
	printf("READY\n");
	sleep_for_good();
}
