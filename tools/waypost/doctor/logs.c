/*
 * logs.c - see logs.h. Which files those are, /proc says: the
 * settings of a web server may include anything.
 */
#include "tools/waypost/doctor/logs.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { END_BYTES = 256 << 10, PATH_ROOM = 512 };

struct search {
	const char *text;
	char *end; /* room for the end of a file */
	size_t n_read;
	bool found;
	char *where;
	size_t room;
};

/* nginx renames its processes; the name of the program stays. */
static bool is_web_server(const char *pid)
{
	char path[64], name[16] = "";
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	if (fscanf(file, "%15s", name) != 1)
		name[0] = '\0';
	fclose(file);
	return strcmp(name, "nginx") == 0 || strcmp(name, "lighttpd") == 0;
}

static void look_into(struct search *search, const char *path)
{
	struct stat st;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd == -1)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		n = pread(fd, search->end, END_BYTES,
			  st.st_size > END_BYTES ? st.st_size - END_BYTES : 0);
		search->n_read += n >= 0;
		search->found =
			n > 0 && memmem(search->end, (size_t)n, search->text,
					strlen(search->text)) != NULL;
	}
	close(fd);
	if (search->found)
		(void)snprintf(search->where, search->room, "%s", path);
}

/* Is it open for writing? proc(5), fdinfo: flags in octal */
static bool is_written(const char *pid, const char *fd)
{
	char path[96], line[64];
	unsigned long flags = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%.20s/fdinfo/%.20s", pid, fd);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	while (fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, "flags:", 6) == 0)
			flags = strtoul(line + 6, NULL, 8);
	fclose(file);
	return (flags & O_ACCMODE) != O_RDONLY;
}

static void look_at_process(struct search *search, const char *pid)
{
	char folder[64], link[96], path[PATH_ROOM];
	struct dirent *entry;
	DIR *files;

	(void)snprintf(folder, sizeof(folder), "/proc/%.20s/fd", pid);
	files = opendir(folder);
	if (files == NULL)
		return;
	while (!search->found && (entry = readdir(files)) != NULL) {
		ssize_t n;

		(void)snprintf(link, sizeof(link), "%s/%.20s", folder,
			       entry->d_name);
		n = readlink(link, path, sizeof(path) - 1);
		if (n <= 0)
			continue;
		path[n] = '\0';
		if (path[0] == '/' && strncmp(path, "/dev/", 5) != 0 &&
		    is_written(pid, entry->d_name))
			look_into(search, path);
	}
	closedir(files);
}

bool wp_doctor_find_in_logs(const struct wp_doctor_who *who, const char *text,
			    size_t *n_read, char *where, size_t room)
{
	struct search search = { .text = text, .where = where, .room = room };
	struct dirent *entry;
	struct wp_error err;
	DIR *proc = NULL;

	search.end = malloc(END_BYTES);
	if (search.end != NULL && wp_doctor_be_root(who, &err) == WP_OK)
		proc = opendir("/proc");
	while (proc != NULL && !search.found && (entry = readdir(proc)) != NULL)
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
		    is_web_server(entry->d_name))
			look_at_process(&search, entry->d_name);
	if (proc != NULL)
		closedir(proc);
	if (wp_doctor_be_service(who, &err) != WP_OK)
		search.n_read = 0;
	free(search.end);
	*n_read = search.n_read;
	return search.found;
}
