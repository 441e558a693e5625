/*
 * hash_gate.c - places are bytes, and taking one is locking it.
 */
#include "lib/accounts/hash_gate.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/buf.h"

enum { GATE_MODE = 0600, SLOTS_DEFAULT_MAX = 4, BYTES_PER_KIB = 1024 };

size_t wp_hash_slots_default(void)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (cores < 4)
		return 1;
	return cores / 2 > SLOTS_DEFAULT_MAX ? SLOTS_DEFAULT_MAX
					     : (size_t)cores / 2;
}

void wp_hash_load_here(struct wp_hash_load *out, size_t slots,
		       int64_t memory_kib)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	long pages = sysconf(_SC_PHYS_PAGES);
	long page_bytes = sysconf(_SC_PAGESIZE);

	*out = (struct wp_hash_load){
		.slots = slots > 0 ? slots : wp_hash_slots_default(),
		.memory_kib = memory_kib,
		.cores = cores > 0 ? (size_t)cores : 1,
		.machine_kib =
			pages > 0 && page_bytes > 0
				? (int64_t)pages * (page_bytes / BYTES_PER_KIB)
				: INT64_MAX,
	};
}

const char *wp_hash_load_problem(const struct wp_hash_load *load)
{
	if (load->memory_kib > load->machine_kib / 2 / (int64_t)load->slots)
		return "hashes at once may take more than half of the "
		       "machine's memory; lower accounts.hash_slots or "
		       "accounts.argon2_memory_kib";
	/* One there must be, also on a machine of one core. */
	if (load->slots > 1 && load->slots >= load->cores)
		return "hashes at once may take all cores, and messages wait "
		       "for them; lower accounts.hash_slots";
	return NULL;
}

static enum wp_err open_file(struct wp_hash_gate *gate, const char *path,
			     struct wp_error *err)
{
	struct stat st;

	gate->fd = open(path,
			O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
			GATE_MODE);
	if (gate->fd == -1)
		return wp_error_sys(err, "cannot open %.120s", path);
	if (fstat(gate->fd, &st) == 0 && S_ISREG(st.st_mode))
		return WP_OK;
	close(gate->fd);
	gate->fd = -1;
	return wp_error_set(err, WP_ERR_SYS, "%.120s is no file", path);
}

enum wp_err wp_hash_gate_open(struct wp_hash_gate *gate,
			      const char *accounts_path, size_t slots,
			      struct wp_error *err)
{
	struct wp_buf path;
	enum wp_err rc;

	assert(slots >= 1 && slots <= WP_HASH_SLOTS_MAX);
	*gate = (struct wp_hash_gate){ .fd = -1,
				       .n_slots = slots,
				       .n_seats = 2 * slots + 2 };
	wp_buf_init(&path, 0);
	wp_buf_printf(&path, "%s-hash.lock", accounts_path);
	rc = path.failed ? wp_error_set(err, WP_ERR_NOMEM, "out of memory")
			 : open_file(gate, path.data, err);
	wp_buf_release(&path);
	return rc;
}

void wp_hash_gate_close(struct wp_hash_gate *gate)
{
	if (gate->n_slots > 0 && gate->fd != -1)
		close(gate->fd);
	*gate = (struct wp_hash_gate){ .fd = -1 };
}

/* Lock or unlock the byte at `at`; -1 and errno when that fails. */
static int set_lock(const struct wp_hash_gate *gate, short type, size_t at)
{
	/* Also no process: that is how a lock of the open file is asked for. */
	struct flock lock = { .l_type = type,
			      .l_whence = SEEK_SET,
			      .l_start = (off_t)at,
			      .l_len = 1 };

	return fcntl(gate->fd, F_OFD_SETLK, &lock);
}

/* Places n of them, the first at `from`; has says which this gate holds. */
struct places {
	bool *has;
	size_t n;
	size_t from;
};

static enum wp_err take(struct wp_hash_gate *gate, const struct places *places,
			size_t *place_out, struct wp_error *err)
{
	for (size_t i = 0; i < places->n; i++) {
		if (places->has[i])
			continue; /* the kernel would grant it once more */
		if (set_lock(gate, F_WRLCK, places->from + i) == 0) {
			places->has[i] = true;
			*place_out = i;
			return WP_OK;
		}
		if (errno != EAGAIN && errno != EACCES && errno != EINTR)
			return wp_error_sys(err, "cannot lock the hash gate");
	}
	return WP_ERR_FULL;
}

static void give_back(struct wp_hash_gate *gate, const struct places *places,
		      size_t place)
{
	assert(place < places->n && places->has[place]);
	places->has[place] = false;
	/* It can only fail for what is no lock at all. */
	(void)set_lock(gate, F_UNLCK, places->from + place);
}

static struct places slots_of(struct wp_hash_gate *gate)
{
	return (struct places){ gate->has_slot, gate->n_slots, 0 };
}

static struct places seats_of(struct wp_hash_gate *gate)
{
	return (struct places){ gate->has_seat, gate->n_seats,
				WP_HASH_SLOTS_MAX };
}

enum wp_err wp_hash_gate_sit(struct wp_hash_gate *gate, size_t *place_out,
			     struct wp_error *err)
{
	const struct places seats = seats_of(gate);

	return take(gate, &seats, place_out, err);
}

enum wp_err wp_hash_gate_enter(struct wp_hash_gate *gate, size_t *place_out,
			       struct wp_error *err)
{
	const struct places slots = slots_of(gate);

	return take(gate, &slots, place_out, err);
}

void wp_hash_gate_stand(struct wp_hash_gate *gate, size_t place)
{
	const struct places seats = seats_of(gate);

	give_back(gate, &seats, place);
}

void wp_hash_gate_leave(struct wp_hash_gate *gate, size_t place)
{
	const struct places slots = slots_of(gate);

	give_back(gate, &slots, place);
}
