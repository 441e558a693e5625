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

enum { BACKLOG = 4096, BODY_MAX = 1 << 20 };

#define ANSWER                                               \
	"Status: 202 Accepted\r\n"                           \
	"Content-Type: application/json\r\n"                 \
	"Cache-Control: no-store\r\n"                        \
	"X-Request-Id: 0123456789abcdef0123456789abcdef\r\n" \
	"X-Durability: always\r\n"                           \
	"Content-Length: 45\r\n\r\n"                         \
	"{\"id\":\"0190b4a0-0000-7000-8000-000000000000\"}"

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
		FCGX_PutStr(ANSWER, sizeof(ANSWER) - 1, request.out);
		FCGX_Finish_r(&request);
	}
	free(body);
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = argc == 3 ? (int)strtol(argv[2], NULL, 10) : 0;
	int socket;
	pthread_t id;

	if (threads < 1 || FCGX_Init() != 0) {
		fprintf(stderr, "usage: empty_fcgi SOCKET THREADS\n");
		return 2;
	}
	socket = FCGX_OpenSocket(argv[1], BACKLOG);
	if (socket < 0)
		return 1;
	for (int i = 1; i < threads; i++)
		if (pthread_create(&id, NULL, serve, &socket) != 0)
			return 1;
	serve(&socket);
	return 0;
}
