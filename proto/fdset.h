/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fdset - the file descriptors of one message, as an owned object
 *
 * Whoever holds a set owns the descriptors in it: each is taken out with fdset_take(), or closed
 * by fdset_close(). So a descriptor that nobody asked for never leaks, and one that a message
 * brought never ends up at another message.
 *
 * Not thread safe; a set belongs to one thread at a time.
 */
#ifndef VFND_PROTO_FDSET_H
#define VFND_PROTO_FDSET_H

/* Most descriptors that a packet may carry. */
#define FDSET_MAX 16

struct fdset {
	int n;
	int fd[FDSET_MAX]; /* -1 where taken */
};

#define FDSET_INIT {0}

/* Hand `fd` over to the set. 0, or -EMFILE when it is full; the caller then still owns `fd`. */
int fdset_add(struct fdset *set, int fd);

/* Put a duplicate (close-on-exec) into the set. 0, or -errno of fcntl(2), or -EMFILE. */
int fdset_add_dup(struct fdset *set, int fd);

/* Take descriptor `i` out; the caller owns it then. -ENOENT when there is none or it was taken. */
int fdset_take(struct fdset *set, int i);

/*
 * Close what was not taken, without waiting for sockets that are to linger; the set is empty
 * afterwards and can be used again. Keeps errno.
 */
void fdset_close(struct fdset *set);
void fdset_close_one(int fd);

/*
 * The same for what a peer has sent, as a program wants to have it: files of a file system in user space wait for its
 * server when they are closed.
 */
void fdset_drop(struct fdset *set);
void fdset_drop_one(int fd);
/* Not as fdset_close_one() does it, but so. Before there are descriptors. */
void fdset_set_dropper(void (*dropper)(int fd));

#endif
