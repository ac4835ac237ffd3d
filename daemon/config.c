/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/config.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include <ini.h>

#define CONFIG_NO_FORM "neither [section] nor name = value"

struct config_parser {
	struct config *config;
	const char *path;
	FILE *file;
	int line;      /* being parsed: inih tells its handler of none */
	char *text;    /* of that line */
	size_t cap;
	char *section; /* that it is in */
	char *error;
	size_t size;
	int ret, failed; /* and the line */
};

/* Half of the memory there is: buffers cannot be swapped out. */
static uint64_t config_half_memory(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

	return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size / 2 : UINT64_C(1) << 30;
}

int config_init(struct config *c)
{
	const char *socket = getenv("VFND_SOCKET");

	*c = (struct config){
		.limits = {
			[QUOTA_SESSIONS] = 4096,
			[QUOTA_BUFFERS] = 16384,
			[QUOTA_BUFFER_BYTES] = config_half_memory(),
			[QUOTA_QUEUES] = 65535,
			[QUOTA_COMMANDS] = 65536,
			[QUOTA_SEND_BYTES] = UINT64_C(256) << 20,
		},
		.session_commands = 1024,
		.session_send_bytes = UINT64_C(4) << 20,
		.command_timeout_ms = 60 * 1000,
		.abort_timeout_ms = 5 * 1000,
		.shutdown_timeout_ms = 10 * 1000,
	};
	c->socket = strdup(socket && *socket ? socket : CONFIG_DEFAULT_SOCKET);
	return c->socket ? 0 : -ENOMEM;
}

void config_free(struct config *c)
{
	for (size_t i = 0; i < c->ndevices; i++)
		free(c->devices[i].address);
	free(c->devices);
	free(c->socket);
	free(c->group);
	memset(c, 0, sizeof(*c));
}

/* dddd:bb:dd.f */
static bool config_is_bdf(const char *s)
{
	static const char form[] = "hhhh:hh:hh.o";

	if (strlen(s) != sizeof(form) - 1)
		return false;
	for (size_t i = 0; form[i]; i++) {
		if (form[i] == 'h' ? !isxdigit((unsigned char)s[i])
		    : form[i] == 'o' ? (s[i] < '0' || s[i] > '7') : s[i] != form[i])
			return false;
	}
	return true;
}

bool config_is_address(const char *s)
{
	static const char prefix[] = "vfio-user:";
	size_t n = sizeof(prefix) - 1;

	if (strncmp(s, prefix, n) != 0)
		return config_is_bdf(s);
	/* A client may have chosen it, and it is shown to others. */
	for (const char *c = s; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return false;
	return s[n] == '/' && strlen(s + n) < sizeof(((struct sockaddr_un *)NULL)->sun_path);
}

static const struct device_settings config_defaults = {
	.queue_pairs = 64,
	.spin_us = 50,
	.cpu = -1,
	.burst = 2,
	.weights = {16, 8, 4},
};

static struct config_device *config_find_device(const struct config *c, const char *address)
{
	for (size_t i = 0; i < c->ndevices; i++)
		if (strcmp(c->devices[i].address, address) == 0)
			return &c->devices[i];
	return NULL;
}

int config_add_device(struct config *c, const char *address)
{
	struct config_device *list;
	char *copy;

	if (!config_is_address(address))
		return -EINVAL;
	if (config_find_device(c, address))
		return 0;
	list = realloc(c->devices, (c->ndevices + 1) * sizeof(*list));
	if (!list)
		return -ENOMEM;
	c->devices = list;
	copy = strdup(address);
	if (!copy)
		return -ENOMEM;
	list[c->ndevices++] = (struct config_device){
		.address = copy,
		.settings = config_defaults,
	};
	return 0;
}

bool config_has_device(const struct config *c, const char *address)
{
	return config_find_device(c, address);
}

const struct device_settings *config_settings(const struct config *c, const char *address)
{
	const struct config_device *dev = config_find_device(c, address);

	return dev ? &dev->settings : &config_defaults;
}

__attribute__((format(printf, 4, 5))) static int config_fail(struct config_parser *p, int line,
							     int code, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (p->ret)
		return 0;
	p->ret = code;
	p->failed = line;
	n = line ? snprintf(p->error, p->size, "%s:%d: ", p->path, line)
		 : snprintf(p->error, p->size, "%s: ", p->path);
	if (n >= 0 && (size_t)n < p->size) {
		va_start(ap, fmt);
		vsnprintf(p->error + n, p->size - (size_t)n, fmt, ap);
		va_end(ap);
	}
	return 0;
}

/* A number with an optional suffix K, M, G or T (powers of 1024), within [least, most]. */
static int config_number(const char *s, uint64_t least, uint64_t most, uint64_t *out)
{
	static const char suffixes[] = "KMGT";
	unsigned long long v;
	unsigned int shift = 0;
	char *end;

	if (!isdigit((unsigned char)*s))
		return -EINVAL;
	errno = 0;
	v = strtoull(s, &end, 0);
	if (errno || end == s)
		return -EINVAL;
	if (*end) {
		const char *at = strchr(suffixes, toupper((unsigned char)*end));

		if (!at || end[1])
			return -EINVAL;
		shift = 10 * (unsigned int)(at - suffixes + 1);
	}
	if (v > (UINT64_MAX >> shift) || v << shift < least || v << shift > most)
		return -ERANGE;
	*out = v << shift;
	return 0;
}

static int config_string(char **to, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	free(*to);
	*to = copy;
	return 0;
}

struct config_key {
	const char *section, *name;
	uint64_t least, most;
	size_t offset;
	bool wide; /* uint64_t, otherwise unsigned int */
};

#define CONFIG_KEY(section, name, least, most, field)                                              \
	{section, name, least, most, offsetof(struct config, field),                               \
	 sizeof(((struct config *)NULL)->field) == 8}

static const struct config_key config_keys[] = {
	CONFIG_KEY("limits", "sessions", 1, UINT64_MAX, limits[QUOTA_SESSIONS]),
	CONFIG_KEY("limits", "buffers", 0, UINT64_MAX, limits[QUOTA_BUFFERS]),
	CONFIG_KEY("limits", "buffer-bytes", 4096, UINT64_MAX, limits[QUOTA_BUFFER_BYTES]),
	CONFIG_KEY("limits", "queues", 0, UINT64_MAX, limits[QUOTA_QUEUES]),
	CONFIG_KEY("limits", "commands", 1, UINT64_MAX, limits[QUOTA_COMMANDS]),
	CONFIG_KEY("limits", "send-bytes", 65536, UINT64_MAX, limits[QUOTA_SEND_BYTES]),
	CONFIG_KEY("limits", "session-commands", 1, 65536, session_commands),
	CONFIG_KEY("limits", "session-send-bytes", 65536, UINT64_MAX, session_send_bytes),
	CONFIG_KEY("daemon", "command-timeout-ms", 1, UINT_MAX, command_timeout_ms),
	CONFIG_KEY("daemon", "abort-timeout-ms", 1, UINT_MAX, abort_timeout_ms),
	CONFIG_KEY("daemon", "shutdown-timeout-ms", 0, UINT_MAX, shutdown_timeout_ms),
};

static uint64_t config_get_number(const struct config *c, const struct config_key *key)
{
	const char *at = (const char *)c + key->offset;
	unsigned int narrow;
	uint64_t v;

	if (key->wide) {
		memcpy(&v, at, sizeof(v));
		return v;
	}
	memcpy(&narrow, at, sizeof(narrow));
	return narrow;
}

static void config_put_number(struct config *c, const struct config_key *key, uint64_t v)
{
	char *at = (char *)c + key->offset;

	if (key->wide)
		memcpy(at, &v, sizeof(v));
	else
		memcpy(at, &(unsigned int){(unsigned int)v}, sizeof(unsigned int));
}

void config_adopt(struct config *c, struct config *fresh,
		  void (*changed)(const char *section, const char *name, uint64_t before, uint64_t now))
{
	struct config_device *devices = c->devices;
	size_t ndevices = c->ndevices;

	for (size_t i = 0; i < sizeof(config_keys) / sizeof(config_keys[0]); i++) {
		const struct config_key *key = &config_keys[i];
		uint64_t before = config_get_number(c, key), now = config_get_number(fresh, key);

		if (before == now)
			continue;
		changed(key->section, key->name, before, now);
		config_put_number(c, key, now);
	}
	c->devices = fresh->devices;
	c->ndevices = fresh->ndevices;
	fresh->devices = devices;
	fresh->ndevices = ndevices;
}

static int config_set_number(struct config_parser *p, int line, const struct config_key *key,
			     const char *value)
{
	uint64_t v;

	if (config_number(value, key->least, key->most, &v) < 0)
		return config_fail(p, line, -EINVAL, "%s = %s: a number from %llu to %llu is needed",
				   key->name, value, (unsigned long long)key->least,
				   (unsigned long long)key->most);
	config_put_number(p->config, key, v);
	return 1;
}

static int config_device_number(struct config_parser *p, int line, const char *name,
				const char *value, uint64_t least, uint64_t most, uint64_t *v)
{
	if (config_number(value, least, most, v) == 0)
		return 1;
	return config_fail(p, line, -EINVAL, "%s = %s: a number from %llu to %llu is needed", name,
			   value, (unsigned long long)least, (unsigned long long)most);
}

/* One of two words. */
static int config_device_word(struct config_parser *p, int line, const char *name, const char *value,
			      const char *no, const char *yes, bool *v)
{
	*v = strcmp(value, yes) == 0;
	if (*v || strcmp(value, no) == 0)
		return 1;
	return config_fail(p, line, -EINVAL, "%s = %s: %s or %s is needed", name, value, no, yes);
}

/* THRESHOLD,MICROSECONDS */
static int config_device_coalescing(struct config_parser *p, int line, const char *name, const char *value,
				    struct device_settings *settings)
{
	const char *comma = strchr(value, ',');
	uint64_t threshold, us;
	char first[16] = "";

	if (comma && (size_t)(comma - value) < sizeof(first))
		memcpy(first, value, (size_t)(comma - value));
	if (!comma || config_number(first, 1, 256, &threshold) < 0 || config_number(comma + 1, 0, 25500, &us) < 0)
		return config_fail(p, line, -EINVAL,
				   "%s = %s: 1 to 256 completions, a comma, and 0 to 25500 microseconds are needed",
				   name, value);
	/* None waits for itself alone, nor for no time. */
	settings->coalesce = us ? (unsigned int)threshold : 1;
	settings->coalesce_us = (unsigned int)us;
	return 1;
}

/* The power of two of a burst; 7: no limit. */
static bool config_burst(uint64_t n, unsigned int *burst)
{
	if (n & (n - 1) || n > 64)
		return false;
	*burst = n ? (unsigned int)__builtin_ctzll(n) : 7;
	return true;
}

/* BURST,HIGH,MEDIUM,LOW */
static bool config_weights(const char *value, struct device_settings *settings)
{
	uint64_t v[4];

	for (int i = 0; i < 4; i++) {
		size_t length = strcspn(value, ",");
		char number[16] = "";

		if (length >= sizeof(number) || (value[length] == ',') != (i < 3))
			return false;
		memcpy(number, value, length);
		if (config_number(number, i ? 1 : 0, i ? 256 : 64, &v[i]) < 0)
			return false;
		value += length + 1;
	}
	for (int i = 0; i < 3; i++)
		settings->weights[i] = (unsigned int)v[i + 1];
	return config_burst(v[0], &settings->burst);
}

static int config_device_arbitration(struct config_parser *p, int line, const char *name, const char *value,
				     struct device_settings *settings)
{
	settings->wrr = strncmp(value, "wrr", 3) == 0;
	settings->burst = config_defaults.burst;
	memcpy(settings->weights, config_defaults.weights, sizeof(settings->weights));
	if (strcmp(value, "round-robin") == 0 || strcmp(value, "wrr") == 0 ||
	    (strncmp(value, "wrr,", 4) == 0 && config_weights(value + 4, settings)))
		return 1;
	return config_fail(p, line, -EINVAL,
			   "%s = %s: round-robin, wrr, or wrr,BURST,HIGH,MEDIUM,LOW is needed, with a burst of 1, 2, "
			   "4, ... 64 commands, 0: no limit, and weights of 1 to 256", name, value);
}

static int config_device_setting(struct config_parser *p, int line, struct config_device *dev,
				 const char *name, const char *value)
{
	uint64_t v = 0;
	int ret;

	if (strcmp(name, "class") == 0) {
		bool pci = false;

		ret = config_device_word(p, line, name, value, "nvme", "pci", &pci);
		dev->settings.class = pci ? CONFIG_CLASS_PCI : CONFIG_CLASS_NVME;
	} else if (strcmp(name, "queue-pairs") == 0) {
		ret = config_device_number(p, line, name, value, 1, 65535, &v);
		dev->settings.queue_pairs = (unsigned int)v;
	} else if (strcmp(name, "serve") == 0) {
		ret = config_device_word(p, line, name, value, "event", "poll", &dev->settings.poll);
	} else if (strcmp(name, "raw") == 0) {
		ret = config_device_word(p, line, name, value, "no", "yes", &dev->settings.raw);
	} else if (strcmp(name, "poll-spin-us") == 0) {
		ret = config_device_number(p, line, name, value, 0, 1000000, &v);
		dev->settings.spin_us = (unsigned int)v;
	} else if (strcmp(name, "poll-cpu") == 0) {
		ret = config_device_number(p, line, name, value, 0, 1023, &v);
		dev->settings.cpu = (int)v;
	} else if (strcmp(name, "direct") == 0) {
		ret = config_device_word(p, line, name, value, "no", "yes", &dev->settings.direct);
	} else if (strcmp(name, "interrupt-coalescing") == 0) {
		ret = config_device_coalescing(p, line, name, value, &dev->settings);
	} else if (strcmp(name, "arbitration") == 0) {
		ret = config_device_arbitration(p, line, name, value, &dev->settings);
	} else if (strcmp(name, "session-commands-per-second") == 0) {
		ret = config_device_number(p, line, name, value, 0, UINT64_MAX, &v);
		dev->settings.session_commands = v;
	} else if (strcmp(name, "session-bytes-per-second") == 0) {
		ret = config_device_number(p, line, name, value, 0, UINT64_MAX, &v);
		dev->settings.session_bytes = v;
	} else {
		ret = config_fail(p, line, -EINVAL, "[device %s] has no setting '%s'", dev->address, name);
	}
	return ret;
}

static int config_device_entry(struct config_parser *p, int line, const char *address,
			       const char *name, const char *value)
{
	struct config_device *dev;
	int ret = config_add_device(p->config, address);

	if (ret == -EINVAL)
		return config_fail(p, line, ret,
				   "[device %s]: an address like 0000:01:00.0 or "
				   "vfio-user:/path is needed", address);
	if (ret < 0)
		return config_fail(p, line, ret, "out of memory");
	dev = config_find_device(p->config, address);
	if (!name)
		return 1;
	return config_device_setting(p, line, dev, name, value);
}

/* The address in "device ADDRESS", or NULL where the section is another. */
static const char *config_device_section(const char *section)
{
	size_t n = strlen("device ");

	return strncmp(section, "device ", n) == 0 ? section + n + strspn(section + n, " \t") : NULL;
}

static int config_entry(void *arg, const char *unused, const char *name, const char *value)
{
	struct config_parser *p = arg;
	const char *section = p->section ? p->section : "";
	const char *address = config_device_section(section);
	int ret = 0, line = p->line;

	if (address)
		return config_device_entry(p, line, address, name, value);
	for (size_t i = 0; i < sizeof(config_keys) / sizeof(config_keys[0]); i++)
		if (strcmp(section, config_keys[i].section) == 0 &&
		    strcmp(name, config_keys[i].name) == 0)
			return config_set_number(p, line, &config_keys[i], value);
	if (strcmp(section, "daemon") == 0 && strcmp(name, "socket") == 0) {
		if (value[0] != '/')
			return config_fail(p, line, -EINVAL, "socket = %s: a path from / is needed", value);
		ret = config_string(&p->config->socket, value);
	} else if (strcmp(section, "daemon") == 0 && strcmp(name, "group") == 0) {
		ret = config_string(&p->config->group, value);
	} else if (!*section) {
		return config_fail(p, line, -EINVAL, "'%s' comes before any [section]", name);
	} else {
		return config_fail(p, line, -EINVAL, "[%s] has no setting '%s'", section, name);
	}
	return ret < 0 ? config_fail(p, line, ret, "out of memory") : 1;
}

/*
 * inih cuts a section's name off after 49 bytes and tells nothing of a section without entries, but
 * "[device ADDRESS]" alone is a complete one: sections are read here.
 */
static int config_section(struct config_parser *p, char *start)
{
	char *end = strchr(start, ']');
	const char *rest = end ? end + 1 + strspn(end + 1, " \t") : NULL, *address;

	if (!rest || (*rest && *rest != ';' && *rest != '#'))
		return config_fail(p, p->line, -EINVAL, CONFIG_NO_FORM);
	*end = '\0';
	if (config_string(&p->section, start + 1) < 0)
		return config_fail(p, p->line, -ENOMEM, "out of memory");
	address = config_device_section(p->section);
	if (address)
		return config_device_entry(p, p->line, address, NULL, NULL);
	if (strcmp(p->section, "daemon") != 0 && strcmp(p->section, "limits") != 0)
		return config_fail(p, p->line, -EINVAL, "no section [%s] is known", p->section);
	return 1;
}

/*
 * The next line for inih, one a call, so that it counts as we do: without white space before it, which
 * would make it go on with the line above, and empty where there is nothing for it.
 */
static char *config_read_line(char *buf, int size, void *arg)
{
	struct config_parser *p = arg;
	ssize_t n = p->ret ? -1 : getline(&p->text, &p->cap, p->file);
	char *start = p->text;

	if (n < 0)
		return NULL;
	p->line++;
	if (p->line == 1 && strncmp(start, "\xef\xbb\xbf", 3) == 0)
		start += 3;
	start += strspn(start, " \t");
	strcpy(buf, "\n");
	if (strlen(p->text) != (size_t)n)
		config_fail(p, p->line, -EINVAL, "a zero byte");
	else
		start[strcspn(start, "\r\n")] = '\0';
	if (p->ret || !*start || *start == '#' || *start == ';')
		return buf;
	if (*start == '[')
		config_section(p, start);
	else if (strlen(start) > (size_t)size - 2)
		config_fail(p, p->line, -EINVAL, "longer than %d bytes", size - 2);
	else
		sprintf(buf, "%s\n", start);
	return buf;
}

int config_load(struct config *c, const char *path, char *error, size_t size)
{
	struct config_parser p = {.config = c, .path = path, .error = error, .size = size};
	FILE *f = fopen(path, "re");
	int line;

	if (!f) {
		int code = -errno;

		config_fail(&p, 0, code, "%s", strerror(errno));
		return code;
	}
	p.file = f;
	line = ini_parse_stream(config_read_line, &p, config_entry, &p);
	/* inih goes on after a line that is none: what is wrong further down may have been noted. */
	if (line > 0 && line < p.failed)
		p.ret = 0;
	if (p.ret == 0 && line > 0)
		config_fail(&p, line, -EINVAL, CONFIG_NO_FORM);
	if (p.ret == 0 && (line < 0 || !feof(f)))
		config_fail(&p, 0, -EIO, "cannot be read");
	fclose(f);
	free(p.text);
	free(p.section);
	return p.ret;
}
