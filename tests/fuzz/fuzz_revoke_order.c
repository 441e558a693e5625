/* Any body of a back end that revokes: a sound key, or a sentence. */
#include <stdint.h>
#include <stdlib.h>

#include "lib/auth/revoke_order.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wp_revoked_key key;
	struct wp_error err = { 0 };
	enum wp_err rc = wp_revoke_order_read(&key, NULL, (const char *)data,
					      size, &err);

	if (rc == WP_OK ? !wp_revoked_key_is_sound(&key)
			: rc != WP_ERR_INVAL || err.msg[0] == '\0')
		abort();
	return 0;
}
