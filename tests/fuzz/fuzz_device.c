/*
 * Any body of a registration: it is read, or refused with a sentence; what the
 * store keeps of it is read again as the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/push/device.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int is_so)
{
	if (!is_so)
		abort();
}

static void check_kept(const struct wp_push_device *device,
		       struct wp_arena *arena)
{
	struct wp_push_device again;
	struct wp_buf kept;

	wp_buf_init(&kept, 0);
	wp_push_device_write(device, &kept);
	need(!kept.failed);
	need(wp_push_device_read(&again, kept.data, kept.len, arena, NULL) ==
	     WP_OK);
	need((device->token == NULL) == (again.token == NULL));
	need(device->token == NULL || strcmp(device->token, again.token) == 0);
	need(device->token != NULL ||
	     strcmp(device->endpoint, again.endpoint) == 0);
	need(device->has_keys == again.has_keys);
	need(memcmp(device->point, again.point, sizeof(again.point)) == 0);
	need(memcmp(device->auth, again.auth, sizeof(again.auth)) == 0);
	wp_buf_release(&kept);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wp_push_device device;
	struct wp_error err = { 0 };
	struct wp_arena arena;
	enum wp_err rc;

	if (size > WP_DEVICE_BODY_MAX)
		return 0;
	wp_arena_init(&arena, 1 << 20);
	rc = wp_push_device_read(&device, (const char *)data, size, &arena,
				 &err);
	if (rc != WP_OK)
		need((rc == WP_ERR_INVAL || rc == WP_ERR_PROTO) &&
		     err.msg[0] != '\0');
	else if (device.token != NULL || device.endpoint != NULL)
		check_kept(&device, &arena);
	wp_arena_release(&arena);
	return 0;
}
