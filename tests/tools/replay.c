/* SPDX-License-Identifier: MIT */
/* FILE...: the trace hash of each recording, or what is wrong with it.  Built by tests/tools/replay.sh. */
#include <inttypes.h>
#include <stdio.h>

#include "host/replay.h"

int main(int argc, char **argv)
{
	char problem[256];
	int bad = 0;

	for (int i = 1; i < argc; i++) {
		struct replay *replay;
		int result = replay_open(&replay, argv[i], problem, sizeof(problem));

		if (result == 0) {
			while ((result = replay_step(replay, problem, sizeof(problem))) > 0)
				continue;
			if (result == 0)
				printf("%016" PRIx64 "\n", replay_hash(replay));
			replay_close(replay);
		}
		if (result < 0)
			printf("%s: %s\n", argv[i], problem);
		bad += result < 0;
	}
	return bad > 0;
}
