/* SPDX-License-Identifier: MIT */
/* Neighbour discovery (RFC 4861 §7): messages that count and that do not, the states of an entry, their times. */
#include "ip/host6.h"

#define S ND_ADVERT_SOLICITED
#define O ND_ADVERT_OVERRIDE
#define R ND_ADVERT_ROUTER

/* Ours asked for by the peer; n bytes of message. */
static enum ip_input ask(struct host *host, const char *source, const char *destination, uint8_t hop_limit,
			 const char *target, const struct mac *mac)
{
	uint8_t message[64];
	size_t n = nd_make(message, ICMP6_NEIGHBOUR_SOLICITATION, 0, target, mac);

	return icmp6_in(host, source, destination, hop_limit, message, n);
}

/* 4861-§7.1.1-R1: each check of a solicitation. */
static void test_4861_7_1_1_R1_solicitations_that_do_not_count(void **state)
{
	uint8_t message[64];
	struct host host;
	size_t n;

	(void)state;
	host6_make_settled(&host);
	for (unsigned hop_limit = 1; hop_limit < 255; hop_limit++) {
		ask(&host, PEER6, OURS6, (uint8_t)hop_limit, OURS6, &peer_mac);
		assert_rule(&host, ND_UNTRUSTED);
	}
	n = nd_make(message, ICMP6_NEIGHBOUR_SOLICITATION, 0, OURS6, &peer_mac);
	message[1] = 1;                                 /* the code */
	icmp6_in(&host, PEER6, OURS6, 255, message, n);
	assert_rule(&host, ND_BAD);
	ask(&host, PEER6, OURS6, 255, "ff02::1", &peer_mac);    /* the target is a group */
	assert_rule(&host, ND_BAD);
	ask(&host, "::", OURS6, 255, OURS6, NULL);      /* from nobody, not to the solicited-node group */
	assert_rule(&host, ND_BAD);
	ask(&host, "::", "ff02::1:ff00:1", 255, OURS6, &peer_mac);      /* from nobody, who has a link address */
	assert_rule(&host, ND_BAD);
	ask(&host, PEER6, OURS6, 255, OURS6, &all_macs);        /* a link address of many */
	assert_rule(&host, ND_BAD);
	ask(&host, PEER6, OURS6, 255, "fd00::99", &peer_mac);
	assert_rule(&host, ND_OTHER_TARGET);
	assert_false(host_output(&host));
	ask(&host, PEER6, OURS6, 255, OURS6, &peer_mac);
	assert_rule(&host, ND_ANSWERED);
	host_free(&host);
}

/* 4861-§4.6-R1, V100: an option of length 0, one beyond the end, unknown ones; every length of message. */
static void test_4861_4_6_R1_V100_options(void **state)
{
	uint8_t message[64];
	struct host host;

	(void)state;
	host6_make_settled(&host);
	for (int type = ICMP6_NEIGHBOUR_SOLICITATION; type <= ICMP6_NEIGHBOUR_ADVERTISEMENT; type++)
		for (size_t cut = 8; cut < 40; cut++) {
			size_t n = nd_make(message, (uint8_t)type, 0, OURS6, &peer_mac);

			memset(message + n, 0, sizeof(message) - n);
			message[n] = 14;                /* a nonce: unknown here */
			message[n + 1] = 1;
			icmp6_in(&host, PEER6, OURS6, 255, message, cut);
			assert_int_equal(host_taken(&host, RULE_ND_BAD), cut != 24 && cut != 32);
			host6_drain(&host);
		}
	for (int length = 0; length < 8; length++) {
		size_t n = nd_make(message, ICMP6_NEIGHBOUR_SOLICITATION, 0, OURS6, &peer_mac);

		message[n] = 99;
		message[n + 1] = (uint8_t)length;
		icmp6_in(&host, PEER6, OURS6, 255, message, n + 8);
		assert_int_equal(host_taken(&host, RULE_ND_BAD), length != 1);
		host6_drain(&host);
	}
	host_free(&host);
}

/* 4861-§7.1.2-R1 */
static void test_4861_7_1_2_R1_advertisements_that_do_not_count(void **state)
{
	uint8_t message[64];
	struct mac found;
	struct host host;
	size_t n;

	(void)state;
	host6_make_settled(&host);
	assert_int_equal(header6_to(&host, PEER6, &found), -EAGAIN);
	n = nd_make(message, ICMP6_NEIGHBOUR_ADVERTISEMENT, S | O, PEER6, &peer_mac);
	icmp6_in(&host, PEER6, OURS6, 254, message, n);
	assert_rule(&host, ND_UNTRUSTED);
	message[1] = 9;
	icmp6_in(&host, PEER6, OURS6, 255, message, n);
	assert_rule(&host, ND_BAD);
	message[1] = 0;
	icmp6_in(&host, PEER6, "ff02::1", 255, message, n);     /* to a group, and solicited */
	assert_rule(&host, ND_BAD);
	n = nd_make(message, ICMP6_NEIGHBOUR_ADVERTISEMENT, S | O, "ff02::5", &peer_mac);
	icmp6_in(&host, PEER6, OURS6, 255, message, n);
	assert_rule(&host, ND_BAD);
	n = nd_make(message, ICMP6_NEIGHBOUR_ADVERTISEMENT, S | O, PEER6, NULL);        /* says nothing new */
	icmp6_in(&host, PEER6, OURS6, 255, message, n);
	assert_rule(&host, ND_BAD);
	assert_int_equal(header6_to(&host, PEER6, &found), -EAGAIN);
	advert_in(&host, PEER6, S | O, &peer_mac);
	assert_int_equal(header6_to(&host, PEER6, &found), 54);
	host_free(&host);
}

/* 6980-§5-R1: also in a fragment that is whole. */
static void test_6980_5_R1_fragmented(void **state)
{
	static const uint8_t types[] = { 133, 134, 135, 136, 137 };
	struct address from = a6(PEER6), to = a6(OURS6);
	struct host host;

	(void)state;
	host6_make_settled(&host);
	for (size_t i = 0; i < sizeof(types); i++)
		for (int pieces = 1; pieces <= 2; pieces++) {
			uint8_t message[96], payload[128];
			size_t n = nd_make(message, types[i], 0, OURS6, &peer_mac), cut = pieces == 1 ? n : 24;
			struct ipv6_fragment first = { 0, 77, IPV6_ICMP, pieces == 2 };
			struct ipv6_fragment last = { 24, 77, IPV6_ICMP, false };
			uint32_t sum = checksum_pseudo_v6(&from, &to, IPV6_ICMP, (uint32_t)n);

			store_be16(message + 2, checksum_finish(checksum_add(sum, message, n)));
			ipv6_fragment_emit(payload, &first);
			memcpy(payload + 8, message, cut);
			packet6_input(&host, &(struct packet6){ PEER6, OURS6, IPV6_FRAGMENT, 255, 0, payload,
								8 + cut });
			if (pieces == 2) {
				ipv6_fragment_emit(payload, &last);
				memcpy(payload + 8, message + cut, n - cut);
				packet6_input(&host, &(struct packet6){ PEER6, OURS6, IPV6_FRAGMENT, 255, 0, payload,
									8 + n - cut });
			}
			assert_rule(&host, ND_UNTRUSTED);
			assert_false(host_output(&host));
		}
	host_free(&host);
}

/* 4861-§7.2.4-R1: who asks, how, and what the answer says. */
static void test_4861_7_2_4_R1_advertisements(void **state)
{
	static const struct {
		const char *source, *destination, *to;
		bool with_mac, solicited;
	} rows[] = {
		{ PEER6, OURS6, PEER6, true, true },
		{ PEER6, "ff02::1:ff00:1", PEER6, true, true },
		{ "fe80::2", "ff02::1:ff00:1", "fe80::2", true, true },
		{ "::", "ff02::1:ff00:1", "ff02::1", false, false },    /* somebody wants our address */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct icmp6 message;
		struct ipv6 packet;
		struct host host;

		host6_make_settled(&host);
		ask(&host, rows[i].source, rows[i].destination, 255, OURS6, rows[i].with_mac ? &peer_mac : NULL);
		assert_true(out6(&host, &packet, &message));
		assert_int_equal(message.type, ICMP6_NEIGHBOUR_ADVERTISEMENT);
		assert_int_equal(message.rest, O | (rows[i].solicited ? S : 0));        /* and no router */
		assert_int_equal(packet.hop_limit, 255);
		assert_address(packet.source, OURS6);
		assert_address(packet.destination, rows[i].to);
		assert_int_equal(message.length, 32);
		assert_int_equal(message.bytes[24], ND_OPTION_TARGET_MAC);
		assert_memory_equal(message.bytes + 26, our_mac.bytes, 6);
		if (!rows[i].solicited)
			assert_memory_equal(host.out.slice[0].bytes, "\x33\x33\x00\x00\x00\x01", 6);
		host_free(&host);
	}
}

/* 4861-§7.2.3-R1: who asks is entered and not trusted; who has no address yet is not entered. */
static void test_4861_7_2_3_R1_solicitors_are_entered_stale(void **state)
{
	struct mac found;
	struct host host;

	(void)state;
	host6_make_settled(&host);
	ask(&host, "::", "ff02::1:ff00:1", 255, OURS6, NULL);
	assert_no_rule(&host, NEIGHBOUR_LEARNED);
	ask(&host, PEER6, OURS6, 255, OURS6, &peer_mac);
	assert_rule(&host, NEIGHBOUR_LEARNED);
	host6_drain(&host);                     /* the answer uses it, so it is asked in five seconds */
	assert_rule(&host, NEIGHBOUR_STALE);
	assert_int_equal(header6_to(&host, PEER6, &found), 54);
	host_wait(&host, SEC(5));
	assert_int_equal(solicitations(&host, PEER6, true), 1);
	/* Another link address in a solicitation is used and not trusted either. */
	advert_in(&host, PEER6, S | O, &peer_mac);
	host6_forget(&host);
	ask(&host, PEER6, OURS6, 255, OURS6, &other_mac);
	assert_rule(&host, NEIGHBOUR_CHANGED);
	host6_drain(&host);
	assert_int_equal(header6_to(&host, PEER6, &found), 54);
	assert_true(mac_eq(&found, &other_mac));
	host_wait(&host, SEC(5));
	assert_int_equal(solicitations(&host, PEER6, true), 1);
	host_free(&host);
}

enum entry { INCOMPLETE, REACHABLE, STALE, PROBE };

static void enter(struct host *host, enum entry entry)
{
	struct mac found;

	host6_make_settled(host);
	if (entry == INCOMPLETE) {
		header6_to(host, PEER6, &found);
		host6_drain(host);
		return;
	}
	learn6(host, PEER6, &peer_mac);
	if (entry != REACHABLE)
		host_wait(host, SEC(46));
	if (entry == PROBE) {
		header6_to(host, PEER6, &found);
		host_wait(host, SEC(5));
		host6_drain(host);
	}
	host6_forget(host);
}

/* Reachable now: used for a while without a question. */
static bool is_trusted(struct host *host)
{
	struct mac found;

	header6_to(host, PEER6, &found);
	host6_drain(host);
	host6_forget(host);
	host_wait(host, SEC(5) + 1);
	return count6_of(host, ICMP6_NEIGHBOUR_SOLICITATION) == 0;
}

/* 4861-§7.2.5-R1: every state, flag and kind of link address. */
static void test_4861_7_2_5_R1_table_of_advertisements(void **state)
{
	(void)state;
	for (enum entry entry = INCOMPLETE; entry <= PROBE; entry++)
		for (unsigned flags = 0; flags < 4; flags++)
			for (unsigned address = 0; address < 3; address++) {    /* none, the same, another */
				const struct mac *mac = address == 0 ? NULL : address == 1 ? &peer_mac : &other_mac;
				bool solicited = flags & 1, override = flags & 2, other = address == 2;
				bool known, trusted, changed;
				struct mac found;
				struct host host;
				int n;

				enter(&host, entry);
				advert_in(&host, PEER6, (solicited ? S : 0) | (override ? O : 0), mac);
				known = entry != INCOMPLETE || mac;
				changed = other && (override || entry == INCOMPLETE);
				if (entry == INCOMPLETE)
					trusted = mac && solicited;
				else if (other && !override)
					trusted = false;                /* REACHABLE becomes STALE, others stay */
				else
					trusted = solicited || (entry == REACHABLE && !other);
				n = header6_to(&host, PEER6, &found);
				assert_int_equal(n, known ? 54 : -EAGAIN);
				if (known) {
					assert_true(mac_eq(&found, changed ? &other_mac : &peer_mac));
					assert_int_equal(is_trusted(&host), trusted);
				}
				host_free(&host);
			}
}

/* 4861-§7.2.2-R1, 4861-§7.2.2-R2: three questions a second apart, however much is to be sent; then it has failed. */
static void test_4861_7_2_2_R2_rate_of_solicitations(void **state)
{
	struct mac found;
	struct host host;
	unsigned asked = 0;

	(void)state;
	host6_make_settled(&host);
	for (unsigned i = 0; i < 3000; i++) {
		assert_int_equal(header6_to(&host, PEER6, &found), -EAGAIN);
		asked += solicitations(&host, PEER6, false);
		assert_int_equal(asked, 1 + i / 1000);
		host_wait(&host, MS(1));
	}
	assert_int_equal(header6_to(&host, PEER6, &found), -EHOSTUNREACH);
	assert_rule(&host, NEIGHBOUR_FAILED);
	host_wait(&host, SEC(1));
	assert_int_equal(header6_to(&host, PEER6, &found), -EAGAIN);    /* and is tried again */
	host_free(&host);
}

/* 4861-§7.2.2-R1: the latest message waits for the answer, and goes. */
static void test_4861_7_2_2_R1_what_waits(void **state)
{
	uint8_t echo[16] = { ICMP6_ECHO, 0, 0, 0, 0, 1, 0, 1 };
	struct icmp6 message;
	struct ipv6 packet;
	struct host host;

	(void)state;
	host6_make_settled(&host);
	icmp6_in(&host, PEER6, OURS6, 64, echo, sizeof(echo));
	echo[7] = 2;
	icmp6_in(&host, PEER6, OURS6, 64, echo, sizeof(echo));
	assert_rule(&host, ICMP_HELD_REPLACED);
	assert_int_equal(solicitations(&host, PEER6, false), 1);
	advert_in(&host, PEER6, S | O, &peer_mac);
	assert_true(out6(&host, &packet, &message));
	assert_int_equal(message.type, ICMP6_ECHO_REPLY);
	assert_int_equal(message.rest, 0x10002);
	assert_false(host_output(&host));
	host_free(&host);
}

/* 4861-§7.3.3-R1: REACHABLE 30 s, STALE, DELAY 5 s, three probes a second apart, then all are asked. */
static void test_4861_7_3_3_R1_times_of_unreachability(void **state)
{
	struct mac found;
	struct host host;

	(void)state;
	host6_make_settled(&host);
	learn6(&host, PEER6, &peer_mac);
	host_wait(&host, SEC(30) - 1);
	assert_int_equal(header6_to(&host, PEER6, &found), 54);
	assert_no_rule(&host, NEIGHBOUR_STALE);
	host_wait(&host, SEC(3600));            /* not used, it costs nothing */
	assert_int_equal(solicitations(&host, PEER6, true), 0);
	assert_int_equal(header6_to(&host, PEER6, &found), 54);
	assert_rule(&host, NEIGHBOUR_STALE);
	host_wait(&host, SEC(5) - 1);
	assert_int_equal(solicitations(&host, PEER6, true), 0);
	assert_int_equal(ip_deadline(host.ip), host.now + 1);
	host_wait(&host, 1);
	for (int probe = 0; probe < 3; probe++) {
		assert_int_equal(solicitations(&host, PEER6, true), 1);
		assert_int_equal(header6_to(&host, PEER6, &found), 54);
		host_wait(&host, SEC(1) - 1);
		assert_int_equal(solicitations(&host, PEER6, true), 0);
		host_wait(&host, 1);
	}
	assert_rule(&host, NEIGHBOUR_LOST);
	assert_int_equal(solicitations(&host, PEER6, false), 1);
	assert_int_equal(header6_to(&host, PEER6, &found), -EAGAIN);
	host_free(&host);
}

/* 4861-§7.3.1-R1: while what is sent is acknowledged nothing is asked. */
static void test_4861_7_3_1_R1_progress_confirms(void **state)
{
	struct mac found;
	struct host host;

	(void)state;
	host6_make_settled(&host);
	learn6(&host, PEER6, &peer_mac);
	for (unsigned second = 0; second < 300; second++) {
		assert_int_equal(header6_by(&host, PEER6, &found, second % 3 == 2), 54);
		host_wait(&host, SEC(1));
		assert_int_equal(count6_of(&host, ICMP6_NEIGHBOUR_SOLICITATION), 0);
	}
	assert_true(host_taken(&host, RULE_NEIGHBOUR_PROGRESS) > 5);
	for (unsigned second = 0; second < 60; second++) {      /* and without that it is */
		header6_to(&host, PEER6, &found);
		host_wait(&host, SEC(1));
	}
	assert_true(count6_of(&host, ICMP6_NEIGHBOUR_SOLICITATION) > 0);
	host_free(&host);
}

/* V101: an advertisement that nobody asked for makes no entry, and our address stays ours. */
static void test_V101_poisoning(void **state)
{
	struct address ours = a6(OURS6);
	uint8_t message[64];
	struct mac found;
	struct host host;
	size_t n;

	(void)state;
	host6_make_settled(&host);
	for (unsigned i = 0; i < 1000; i++) {
		char text[ADDRESS_TEXT_MAX];
		struct address address = a6("fd00::5:0");

		store_be16(address.bytes + 14, (uint16_t)i);
		address_print(text, sizeof(text), &address);
		advert_in(&host, text, S | O, &other_mac);
	}
	assert_int_equal(host_taken(&host, RULE_ND_UNSOLICITED), 1000);
	assert_int_equal(header6_to(&host, "fd00::5:1", &found), -EAGAIN);
	host6_drain(&host);
	n = nd_make(message, ICMP6_NEIGHBOUR_ADVERTISEMENT, O, OURS6, &other_mac);
	icmp6_in(&host, "fe80::9", "ff02::1", 255, message, n);
	assert_rule(&host, ND_CONFLICT);
	icmp6_in(&host, OURS6, "ff02::1", 255, message, n);     /* from the address itself */
	assert_rule(&host, IP6_SOURCE_OURS);
	assert_int_equal(state_of(&host, &ours), ELEVEN_ADDRESS_PREFERRED);
	host_free(&host);
}

/* V99, V102: floods of who asks and of who does not answer: the cache is bounded, and who is talked to stays in it. */
static void test_V102_exhaustion(void **state)
{
	struct mac found;
	struct host host;

	(void)state;
	host6_make_settled(&host);
	learn6(&host, PEER6, &peer_mac);
	for (unsigned i = 0; i < 5000; i++) {
		struct address address = a6("fd00::9:0:0");
		char text[ADDRESS_TEXT_MAX];

		store_be32(address.bytes + 12, i);
		address_print(text, sizeof(text), &address);
		header6_to(&host, text, &found);                /* no answer */
		host6_drain(&host);
		ask(&host, text, OURS6, 255, OURS6, &other_mac);
		host6_drain(&host);
		assert_int_equal(header6_to(&host, PEER6, &found), 54);
		assert_true(mac_eq(&found, &peer_mac));
	}
	assert_true(host_taken(&host, RULE_NEIGHBOUR_EVICTED) > 1000);
	host_free(&host);
}

/* Solicitations for routers are for routers: 4861-§6.2.4-R1, 8504-§5.4-R1 */
static void test_4861_6_2_4_R1_no_router(void **state)
{
	uint8_t message[16] = { ICMP6_ROUTER_SOLICITATION };
	struct host host;

	(void)state;
	host6_make_settled(&host);
	icmp6_in(&host, "fe80::2", "ff02::1", 255, message, 8);
	assert_rule(&host, ICMP6_TYPE_IGNORED);
	host_wait(&host, SEC(3600));
	assert_int_equal(count6_of(&host, ICMP6_ROUTER_ADVERTISEMENT), 0);
	assert_int_equal(count6_of(&host, ICMP6_REDIRECT), 0);
	host_free(&host);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_4861_7_1_1_R1_solicitations_that_do_not_count),
		cmocka_unit_test(test_4861_4_6_R1_V100_options),
		cmocka_unit_test(test_4861_7_1_2_R1_advertisements_that_do_not_count),
		cmocka_unit_test(test_6980_5_R1_fragmented),
		cmocka_unit_test(test_4861_7_2_4_R1_advertisements),
		cmocka_unit_test(test_4861_7_2_3_R1_solicitors_are_entered_stale),
		cmocka_unit_test(test_4861_7_2_5_R1_table_of_advertisements),
		cmocka_unit_test(test_4861_7_2_2_R2_rate_of_solicitations),
		cmocka_unit_test(test_4861_7_2_2_R1_what_waits),
		cmocka_unit_test(test_4861_7_3_3_R1_times_of_unreachability),
		cmocka_unit_test(test_4861_7_3_1_R1_progress_confirms),
		cmocka_unit_test(test_V101_poisoning),
		cmocka_unit_test(test_V102_exhaustion),
		cmocka_unit_test(test_4861_6_2_4_R1_no_router),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
