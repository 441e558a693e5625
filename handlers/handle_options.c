/*
 * handle_options.c - what may be asked here, and by pages of which origin.
 *
 * A browser sends it without a token before it sends the real request; the
 * CORS headers are added to every answer in the same place (cors.c).
 */
#include "handlers/handle.h"

void wp_handle_options(struct wp_call *call)
{
	wp_resp_empty(call->resp, 204);
}
