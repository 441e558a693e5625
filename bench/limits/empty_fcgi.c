/*
 * empty_fcgi.c - the empty handler: libfcgi, threads, and every request is
 * answered 202 with a fixed body. What handlers could be at best.
 *
 * usage: empty_fcgi SOCKET THREADS
 *
 * The web server may keep its connections: there are to be more threads than
 * those, since libfcgi reads on in the same one.
 */
#include <fcgiapp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/net.h"

enum { BACKLOG = 4096, BODY_MAX = 1 << 20, PAGE = 60000 };

#define ANSWER                                               \
	"Status: 202 Accepted\r\n"                           \
	"Content-Type: application/json\r\n"                 \
	"Cache-Control: no-store\r\n"                        \
	"X-Request-Id: 0123456789abcdef0123456789abcdef\r\n" \
	"X-Durability: always\r\n"                           \
	"Content-Length: 45\r\n\r\n"                         \
	"{\"id\":\"0190b4a0-0000-7000-8000-000000000000\"}"

/* What a page of PAGE bytes costs by itself, when the query asks for one. */
static void answer(FCGX_Request *request)
{
	static const char page[PAGE];
	const char *query = FCGX_GetParam("QUERY_STRING", request->envp);

	if (query == NULL || strcmp(query, "page") != 0) {
		FCGX_PutStr(ANSWER, sizeof(ANSWER) - 1, request->out);
		return;
	}
	FCGX_FPrintF(request->out,
		     "Status: 200 OK\r\nContent-Type: application/json\r\n"
		     "Content-Length: %d\r\n\r\n",
		     PAGE);
	FCGX_PutStr(page, PAGE, request->out);
}

/* The whole body, as a handler must. */
static void *serve(void *arg)
{
	int *socket = arg;
	char *body = malloc(BODY_MAX);
	FCGX_Request request;

	if (body == NULL || FCGX_InitRequest(&request, *socket, 0) != 0)
		exit(1);
	while (FCGX_Accept_r(&request) == 0) {
		while (FCGX_GetStr(body, BODY_MAX, request.in) == BODY_MAX)
			;
		answer(&request);
		FCGX_Finish_r(&request);
	}
	free(body);
	return NULL;
}

static const char usage_text[] = "usage: empty_fcgi SOCKET THREADS";

int main(int argc, char **argv)
{
	int threads, socket;
	pthread_t id;

	net_help(argc, argv, usage_text);
	threads = argc == 3 ? (int)net_number(argv[2]) : 0;
	if (threads < 1 || FCGX_Init() != 0)
		net_die("%s", usage_text);
	socket = FCGX_OpenSocket(argv[1], BACKLOG);
	if (socket < 0)
		return 1;
	for (int i = 1; i < threads; i++)
		if (pthread_create(&id, NULL, serve, &socket) != 0)
			return 1;
	serve(&socket);
	return 0;
}
