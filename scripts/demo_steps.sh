# SPDX-License-Identifier: MIT
# demo_steps.sh: the steps of the walk, one function each; read by demo.sh.

# `10.0.0.1:41000-10.0.0.2:8000` of the client's connection in this state.
ends_of() {
	eleven netstat -an | awk -v state="$1" '$4 ~ /^10\.0\.0\.1:/ && $6 == state { print $4 "-" $5; exit }'
}

step_listen() {
	title "LISTEN"
	serve
	show
	say "The server of examples/server.c, plain POSIX, knows nothing of eleven. It waits for a SYN."
}

step_handshake() {
	title "SYN-SENT, SYN-RECEIVED, ESTABLISHED"
	mkfifo keys
	run 'eleven link delay 2s'
	typed 'eleven run --host client -- client --half-close 10.0.0.2 <keys &'
	eleven run --host client -- client --half-close 10.0.0.2 <keys >client.log 2>&1 &
	client=$!
	exec 7>keys
	await '10\.0\.0\.1:.*SYN_SENT'
	show
	say "The SYN is on the wire, for two seconds: only the client knows of the connection."
	await 'SYN_RECV'
	show
	say "It has arrived: the server answered SYN-ACK and waits for the third segment. Nobody holds this end yet."
	await '10\.0\.0\.1:.*ESTABLISHED'
	show
	say "The client has the SYN-ACK and is ESTABLISHED; the server is not yet: the third ACK is still on its way."
	await '10\.0\.0\.2:8000 +10.*ESTABLISHED'
	run 'eleven link delay 0'
	show
	say "Both ends."
	run "eleven watch --ladder --once $(ends_of ESTABLISHED)"
	say "The same as a ladder: states at the sides, segments in packetdrill's notation between them."
	exec 7>&-
}

step_client_closes_first() {
	title "The client closes first: FIN-WAIT-1, FIN-WAIT-2 against CLOSE-WAIT"
	run "kill $server"
	finish "$server"
	await_none TIME_WAIT
	serve '--hold 2'
	typed 'eleven run --host client -- client --half-close 10.0.0.2 <keys &'
	eleven run --host client -- client --half-close 10.0.0.2 <keys >client.log 2>&1 &
	client=$!
	exec 7>keys
	await '10\.0\.0\.2:8000 +10.*ESTABLISHED'
	run 'eleven link pause'
	run 'echo "shall I have this back?" >&7'
	await '10\.0\.0\.1:.*ESTABLISHED' ' 24 10\.0\.0\.1:'
	run 'exec 7>&-'
	await 'FIN_WAIT1'
	show '10.0.0.1:'
	say "End of input: the client calls shutdown(SHUT_WR). Its text and FIN are held on the wire, which we stopped."
	run 'eleven link step; eleven link step'
	await 'CLOSE_WAIT'
	show '10.0.0.1:'
	say "We let them through: the server has the FIN and is in CLOSE-WAIT. Its ACK and its answer are held."
	run 'eleven link resume'
	await 'FIN_WAIT2'
	show '10.0.0.1:'
	await_line client.log SHALL
	run 'cat client.log'
	say "FIN-WAIT-2: a half-closed connection. The client sends no more, but still receives everything."
	run 'eleven states FIN_WAIT2'
}

step_last_ack_lost() {
	title "LAST-ACK against TIME-WAIT, and the last ACK lost on purpose"
	run 'eleven link drop 1 dir=a flags=A'
	await 'TIME_WAIT' 'LAST_ACK'
	run 'eleven netstat -anpo | grep 8000'
	say "The server has closed: its FIN is out, and it waits for the last ACK, which we lost. The client has" \
		"answered and waits 2 MSL for just this case. -o shows both timers: the server's retransmission," \
		"and the countdown of TIME-WAIT."
	await_none 'LAST_ACK'
	run 'eleven netstat -anpo | grep 8000'
	say "FIN again, ACK again: the server is done, and the client's 2 MSL have started over. No" \
		"program any more, '-'."
}

step_ladder() {
	title "The same as a ladder, with causes"
	run "eleven watch --ladder --causes --once $(ends_of TIME_WAIT)"
	say "What was lost ends in a cross. Below each change of state stands its reason, with the" \
		"paragraph of RFC 9293."
}

step_restart_after_client_first() {
	title "Who closed first has TIME-WAIT: the server restarts at once"
	run "kill $server"
	finish "$server"
	serve
	run 'cat server.log'
	show
	say "The client closed first, so the wait is on its side, and port 8000 of the server is free."
	finish "$server"
}

step_server_closes_first() {
	title "The server closes first: it cannot be started again at once"
	serve --close-first
	run 'echo "you first" | eleven run --host client -- client 10.0.0.2'
	await '10\.0\.0\.2:8000.*TIME_WAIT'
	run "kill $server"
	finish "$server"
	show
	run 'eleven run --host server -- server'
	say "Address already in use: the old connection still owns the port, for as long as a late segment could come."
	serve --reuse
	run 'cat server.log'
	say "With SO_REUSEADDR, which every real server sets, it works."
	finish "$server"
	typed 'sleep 4'
	await_none '10\.0\.0\.2:8000.*TIME_WAIT'
	serve
	run 'cat server.log'
	say "And without it once 2 MSL are over."
}

step_both_close_at_once() {
	title "Both close at once: CLOSING"
	await_none TIME_WAIT
	eleven run --host client -- client 10.0.0.2 <keys >client.log 2>&1 &
	client=$!
	exec 7>keys
	await '10\.0\.0\.2:8000 +10.*ESTABLISHED'
	run 'eleven link pause'
	run "kill $client $server"
	await '10\.0\.0\.1:.*FIN_WAIT1' '10\.0\.0\.2:8000 +10.*FIN_WAIT1'
	show
	exec 7>&-
	run 'eleven link step; eleven link step'
	await '10\.0\.0\.1:.*CLOSING' '10\.0\.0\.2:8000 +10.*CLOSING'
	show
	say "The FINs have crossed: each end has the other's FIN, but not yet the ACK of its own."
	run 'eleven link resume'
	await '10\.0\.0\.1:.*TIME_WAIT' '10\.0\.0\.2:8000 +10.*TIME_WAIT'
	show
	say "Both have closed first, so both wait."
	wait $client $server 2>/dev/null
}

step_both_open_at_once() {
	title "Both open at once: SYN-RECEIVED on both sides"
	run 'eleven link pause'
	mkfifo keys2
	typed 'eleven run --host client -- client --local-port 8000 --port 8001 --reuse 10.0.0.2 <keys &'
	eleven run --host client -- client --local-port 8000 --port 8001 --reuse 10.0.0.2 <keys >client.log 2>&1 &
	client=$!
	exec 7>keys
	typed 'eleven run --host server -- client --local-port 8001 --port 8000 --reuse 10.0.0.1 <keys2 &'
	eleven run --host server -- client --local-port 8001 --port 8000 --reuse 10.0.0.1 <keys2 >server.log 2>&1 &
	server=$!
	exec 8>keys2
	await '10\.0\.0\.1:8000 .*SYN_SENT' '10\.0\.0\.2:8001 .*SYN_SENT'
	show 8001
	run 'eleven link step; eleven link step'
	await '10\.0\.0\.1:8000 .*SYN_RECV' '10\.0\.0\.2:8001 .*SYN_RECV'
	show 8001
	say "Nobody listened: two SYNs crossed, and one connection comes of it."
	run 'eleven link resume'
	await '10\.0\.0\.1:8000 .*ESTAB' '10\.0\.0\.2:8001 .*ESTAB'
	show 8001
	run 'eleven watch --ladder --once 10.0.0.1:8000-10.0.0.2:8001'
	exec 7>&- 8>&-
	wait $client $server 2>/dev/null
}

step_kill() {
	title "kill -9"
	await_none '10\.0\.0\.2:8000.*TIME_WAIT'
	serve '--reuse --hold 5'
	eleven run --host client -- client 10.0.0.2 <keys >client.log 2>&1 &
	client=$!
	exec 7>keys
	await '10\.0\.0\.2:8000 +10.*ESTABLISHED'
	run "kill -9 $client"
	wait $client 2>/dev/null
	await 'FIN_WAIT2' 'CLOSE_WAIT'
	show
	say "The kernel closes what a dead program held, and so the peer is told: FIN, as if it had" \
		"closed. The client's" \
		"end is an orphan now, '-'."
	exec 7>&-
	finish "$server"
}

step_unread() {
	title "RST: closed with text unread"
	serve '--reuse --no-read --hold 1'
	run 'echo "read this" | eleven run --host client -- client 10.0.0.2'
	say "The server closed without reading: a FIN would say that all was taken. RFC 1122 wants RST, so" \
		"that the client" \
		"knows its text is lost."
	finish "$server"
}

step_refused() {
	title "Connection refused"
	run 'eleven run --host client -- client 10.0.0.2 </dev/null'
	say "Nobody listens any more: SYN, RST."
	run 'eleven watch --once | tail -2'
	say "That was watch without a ladder: a line for each change of state. Without --once it follows."
}

step_capture() {
	finish "$tracer"
	command -v tshark >/dev/null || return 0
	title "And all of it in a capture, with the reasons as comments"
	run "tshark -r walk.pcapng -Y frame.comment -T fields -e frame.number -e frame.comment 2>/dev/null | tail -4"
	say "It ran along: eleven trace -w walk.pcapng. Wireshark shows the comments beside the packets."
}
