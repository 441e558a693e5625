/*
 * hosts.c - the names that one program knows, for tests of endpoints: these
 * must be names with a dot, and no test may ask the network for one.
 *
 * Preloaded (ld.so(8)), so that the host's own /etc/hosts is not touched.
 * WAYPOST_TEST_HOSTS names a file with a line "<name> <address>,<address>…" for
 * each name. It is read at each look-up, so a name may lead elsewhere from one
 * moment to the next. What is not in it does not exist, and while there is no
 * such file no name can be looked up. Addresses go to the real getaddrinfo().
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { LINE_BYTES_MAX = 1024 };

typedef int (*getaddrinfo_fn)(const char *, const char *,
			      const struct addrinfo *, struct addrinfo **);

static getaddrinfo_fn real_getaddrinfo(void)
{
	void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
	getaddrinfo_fn real;

	/* As dlsym(3) has it: ISO C knows no such cast. */
	memcpy(&real, &symbol, sizeof(real));
	return real;
}

static bool is_address(const char *node)
{
	unsigned char address[16];

	return inet_pton(AF_INET, node, address) == 1 ||
	       inet_pton(AF_INET6, node, address) == 1;
}

/* What stands behind the name, in line; NULL: it is not there. */
static char *find(FILE *file, const char *name, char line[LINE_BYTES_MAX])
{
	while (fgets(line, LINE_BYTES_MAX, file) != NULL) {
		size_t len = strcspn(line, " ");

		line[strcspn(line, "\n")] = '\0';
		if (line[len] == ' ' && strlen(name) == len &&
		    strncasecmp(line, name, len) == 0)
			return line + len + 1;
	}
	return NULL;
}

/* In this order. Each is a list of its own that freeaddrinfo(3) walks. */
static int look_up_all(char *addresses, const char *service,
		       const struct addrinfo *hints, struct addrinfo **found)
{
	getaddrinfo_fn real = real_getaddrinfo();
	struct addrinfo **end = found;
	char *rest = NULL;
	int rc = EAI_NONAME;

	*found = NULL;
	for (char *address = strtok_r(addresses, ",", &rest); address != NULL;
	     address = strtok_r(NULL, ",", &rest)) {
		rc = real(address, service, hints, end);
		if (rc != 0)
			break;
		while (*end != NULL)
			end = &(*end)->ai_next;
	}
	if (rc != 0 && *found != NULL) {
		freeaddrinfo(*found);
		*found = NULL;
	}
	return rc;
}

int getaddrinfo(const char *restrict node, const char *restrict service,
		const struct addrinfo *restrict hints,
		struct addrinfo **restrict found)
{
	const char *path = getenv("WAYPOST_TEST_HOSTS");
	char line[LINE_BYTES_MAX];
	char *addresses;
	FILE *file;
	int rc;

	if (path == NULL || node == NULL || is_address(node))
		return real_getaddrinfo()(node, service, hints, found);
	file = fopen(path, "re");
	if (file == NULL)
		return EAI_AGAIN;
	addresses = find(file, node, line);
	rc = addresses == NULL ? EAI_NONAME
			       : look_up_all(addresses, service, hints, found);
	fclose(file);
	return rc;
}
