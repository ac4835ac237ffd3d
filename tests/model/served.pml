/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sleeping and waking of a served queue (doc/datapath.md): the client tells the daemon of commands by a
 * tail, the daemon the client of completions by entries, and each sleeps.
 *
 * The processors are as x86 is (TSO): a store goes to a buffer first, in order, and into memory at any later
 * moment; one's own loads see the buffer first; a full fence waits until it is empty. What a system call tells
 * (a kick, a byte in the socket) is a store that waits for nobody: the buffer is behind it still.
 *
 * Words count on without wrapping. An index of AWAKE is passed by nobody.
 *
 * -DNO_CLIENT_SUBMIT, -DNO_DAEMON_ARM, -DNO_DAEMON_TELL, -DNO_CLIENT_ARM: without that one fence. That ends in an
 * invalid end state: somebody sleeps and nobody will wake him. One who is awake may always choose to sleep, so a
 * state in which only one of them is stuck leads to such a state as well.
 */
#ifndef COMMANDS
#define COMMANDS 3
#endif
#define AWAKE 255
#define SLOTS 4 /* of a buffer */

/* words of the shared memory */
#define TAIL  0 /* client's */
#define WAKE  1 /* client's */
#define EVENT 2 /* daemon's */
#define DONE  3 /* daemon's: completions that are written */
#define WORDS 4

#define CLIENT 0
#define DAEMON 1

typedef buffer {
	byte n;
	byte word[SLOTS];
	byte value[SLOTS];
}

byte memory[WORDS];
buffer stores[2];
bool kick;  /* the eventfd is readable, and that was not seen yet */
byte bytes; /* in the socket: one as good as many */

inline flush_one(who)
{
	memory[stores[who].word[0]] = stores[who].value[0];
	stores[who].n--;
	stores[who].word[0] = stores[who].word[1];
	stores[who].value[0] = stores[who].value[1];
	stores[who].word[1] = stores[who].word[2];
	stores[who].value[1] = stores[who].value[2];
	stores[who].word[2] = stores[who].word[3];
	stores[who].value[2] = stores[who].value[3];
	stores[who].word[3] = 0;
	stores[who].value[3] = 0
}

inline store(who, w, v)
{
	atomic {
		stores[who].n < SLOTS;
		stores[who].word[stores[who].n] = w;
		stores[who].value[stores[who].n] = v;
		stores[who].n++
	}
}

/* the newest store in one's own buffer, or memory */
inline load(who, w, to)
{
	d_step {
		to = memory[w];
		if
		:: stores[who].n > 0 && stores[who].word[0] == w -> to = stores[who].value[0]
		:: else
		fi;
		if
		:: stores[who].n > 1 && stores[who].word[1] == w -> to = stores[who].value[1]
		:: else
		fi;
		if
		:: stores[who].n > 2 && stores[who].word[2] == w -> to = stores[who].value[2]
		:: else
		fi;
		if
		:: stores[who].n > 3 && stores[who].word[3] == w -> to = stores[who].value[3]
		:: else
		fi
	}
}

inline fence(who)
{
	stores[who].n == 0
}

#define passed(index, old, new) (index != AWAKE && index >= old && index < new)

/* What the processors do by themselves. */
proctype buffers()
{
end:
	do
	:: d_step { stores[CLIENT].n > 0 -> flush_one(CLIENT) }
	:: d_step { stores[DAEMON].n > 0 -> flush_one(DAEMON) }
	od
}

proctype client()
{
	byte tail = 0, head = 0, seen, index;

	/* The daemon's index is 0 from the beginning: it is asleep. */
	do
	:: tail < COMMANDS ->
		/* submit */
		store(CLIENT, TAIL, tail + 1);
#ifndef NO_CLIENT_SUBMIT
		fence(CLIENT);
#endif
		load(CLIENT, EVENT, index);
		if
		:: passed(index, tail, tail + 1) ->
			kick = true
		:: else
		fi;
		tail++
	:: head < tail ->
		/* take what is there */
		load(CLIENT, DONE, seen);
		if
		:: seen > head -> head = seen
		:: else
		fi
	:: head < tail ->
		/* sleep */
		store(CLIENT, WAKE, head);
#ifndef NO_CLIENT_ARM
		fence(CLIENT);
#endif
		load(CLIENT, DONE, seen);
		if
		:: seen > head
		:: else ->
			bytes > 0
		fi;
		store(CLIENT, WAKE, AWAKE);
		bytes = 0
	:: head == COMMANDS -> break
	od
}

proctype daemon()
{
	byte head = 0, told = 0, tail, index;

	do
	:: 	/* a round: copy, and complete */
		load(DAEMON, TAIL, tail);
		if
		:: tail > head ->
			head = tail;
			store(DAEMON, DONE, head);
#ifndef NO_DAEMON_TELL
			fence(DAEMON);
#endif
			load(DAEMON, WAKE, index);
			if
			:: passed(index, told, head) -> bytes = 1
			:: else
			fi;
			told = head
		:: else
		fi
	:: 	/* sleep */
		store(DAEMON, EVENT, head);
#ifndef NO_DAEMON_ARM
		fence(DAEMON);
#endif
		load(DAEMON, TAIL, tail);
		if
		:: tail != head
		:: else ->
			/* With everything done it may sleep for ever. */
end:			atomic { kick -> kick = false }
		fi;
		store(DAEMON, EVENT, AWAKE)
	od
}

init {
	atomic {
		memory[WAKE] = AWAKE;
		run buffers();
		run client();
		run daemon()
	}
}
