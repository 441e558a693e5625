/*
 * heap.c - when there is something to give back, and when it may be done.
 *
 * A thread of its own would not help: it holds the lock that the loop needs for
 * each piece of memory. Elsewhere than in glibc it is better, and there nothing
 * is done.
 */
#include "ws-daemon/heap.h"

#include <malloc.h>
#include <time.h>

#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
static size_t free_bytes(void)
{
	return mallinfo2().fordblks;
}

static void give_back(void)
{
	(void)malloc_trim(0);
}
#else
static size_t free_bytes(void)
{
	return 0;
}

static void give_back(void)
{
}
#endif

static uint64_t cpu_us(void)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void on_idle(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct wp_heap *heap = timer->data;
	uint64_t before_us = heap->cpu_us;

	(void)events;
	heap->cpu_us = cpu_us();
	if (heap->cpu_us - before_us > WP_HEAP_IDLE_US)
		return;
	ev_timer_stop(loop, timer);
	give_back();
}

void wp_heap_init(struct wp_heap *heap, struct ev_loop *loop)
{
	*heap = (struct wp_heap){ .loop = loop };
	ev_timer_init(&heap->idle, on_idle, WP_HEAP_LOOK_MS / 1e3,
		      WP_HEAP_LOOK_MS / 1e3);
	heap->idle.data = heap;
}

void wp_heap_release(struct wp_heap *heap)
{
	if (heap->loop != NULL)
		ev_timer_stop(heap->loop, &heap->idle);
}

void wp_heap_look(struct wp_heap *heap, size_t n_sockets, bool is_busy)
{
	if (n_sockets > heap->n_most)
		heap->n_most = n_sockets;
	if (heap->n_most - n_sockets < WP_HEAP_CROWD || is_busy)
		return;
	heap->n_most = n_sockets;
	/* To count what is free takes as long as to give it back. */
	if (ev_is_active(&heap->idle))
		return;
	if (free_bytes() <= WP_HEAP_AT_ONCE) {
		give_back();
	} else {
		heap->cpu_us = cpu_us();
		ev_timer_again(heap->loop, &heap->idle);
	}
}
