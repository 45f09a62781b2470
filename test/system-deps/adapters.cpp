// Tests of the two headers that adapt Debian's libraries to what upstream's worker expects. Speaks TAP; built and run by
// adapters.test.ts, under AddressSanitizer, since what these headers must not do is to write past a buffer.

#include <ankerl/unordered_dense.h>
#include <srtp.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace
{
	int testCount{ 0 };

	void Ok(bool ok, const std::string& name)
	{
		std::printf("%s %d - %s\n", ok ? "ok" : "not ok", ++testCount, name.c_str());
	}

	struct Profile
	{
		srtp_profile_t id;
		const char* name;
	};

	constexpr std::array<Profile, 4> Profiles{ {
		{ srtp_profile_aead_aes_256_gcm, "AEAD_AES_256_GCM" },
		{ srtp_profile_aead_aes_128_gcm, "AEAD_AES_128_GCM" },
		{ srtp_profile_aes128_cm_sha1_80, "AES_CM_128_HMAC_SHA1_80" },
		{ srtp_profile_aes128_cm_sha1_32, "AES_CM_128_HMAC_SHA1_32" },
	} };

	// Made as RTC::SrtpSession makes its sessions.
	srtp_t MakeSession(srtp_profile_t profile, srtp_ssrc_type_t direction)
	{
		std::array<uint8_t, SRTP_MAX_KEY_LEN> key{};

		for (size_t i{ 0 }; i < key.size(); ++i)
		{
			key[i] = static_cast<uint8_t>(i * 7 + 1);
		}

		const size_t keyLen  = srtp_profile_get_master_key_length(profile);
		const size_t saltLen = srtp_profile_get_master_salt_length(profile);

		srtp_policy_t policy{ nullptr };
		srtp_t session{ nullptr };

		if (
		  srtp_policy_create(&policy) != srtp_err_status_ok ||
		  srtp_policy_set_ssrc(policy, srtp_ssrc_t{ direction, 0 }) != srtp_err_status_ok ||
		  srtp_policy_set_profile(policy, profile) != srtp_err_status_ok ||
		  srtp_policy_add_key(policy, key.data(), keyLen, key.data() + keyLen, saltLen, nullptr, 0) !=
		    srtp_err_status_ok ||
		  srtp_policy_set_allow_repeat_tx(policy, true) != srtp_err_status_ok ||
		  srtp_policy_set_window_size(policy, 1024) != srtp_err_status_ok ||
		  srtp_create(&session, policy) != srtp_err_status_ok)
		{
			std::printf("Bail out! cannot make an SRTP session\n");
			std::exit(1);
		}

		// The session has copied the key: the policy does not outlive this line in the worker either.
		srtp_policy_destroy(policy);

		return session;
	}

	std::vector<uint8_t> RtpPacket(uint16_t seq, size_t payloadLen)
	{
		std::vector<uint8_t> packet{ 0x80, 100, static_cast<uint8_t>(seq >> 8), static_cast<uint8_t>(seq), 0, 0, 0, 1, 1, 2, 3, 4 };

		packet.resize(packet.size() + payloadLen, 0xAB);

		return packet;
	}

	std::vector<uint8_t> RtcpPacket()
	{
		return { 0x80, 201, 0, 1, 1, 2, 3, 4 };
	}

	// The exact size on the heap, so that the sanitizer sees the first byte beyond it.
	struct Buffer
	{
		explicit Buffer(size_t size) : bytes(new uint8_t[size]), len(size) {}

		std::unique_ptr<uint8_t[]> bytes;
		size_t len;
	};

	void TestRoundTrips(const Profile& profile)
	{
		auto* const sender   = MakeSession(profile.id, ssrc_any_outbound);
		auto* const receiver = MakeSession(profile.id, ssrc_any_inbound);
		const auto rtp       = RtpPacket(1, 100);
		Buffer srtp(65536);
		auto err = srtp_protect(sender, rtp.data(), rtp.size(), srtp.bytes.get(), &srtp.len, 0);

		Ok(
		  err == srtp_err_status_ok && srtp.len > rtp.size() && srtp.len <= rtp.size() + SRTP_MAX_TRAILER_LEN &&
		    std::memcmp(srtp.bytes.get() + 12, rtp.data() + 12, 100) != 0,
		  std::string(profile.name) + ": an RTP packet is encrypted into the given buffer");
		Ok(rtp == RtpPacket(1, 100), std::string(profile.name) + ": the input of a separate output is left alone");

		size_t len = srtp.len;

		err = srtp_unprotect(receiver, srtp.bytes.get(), srtp.len, srtp.bytes.get(), &len);
		Ok(
		  err == srtp_err_status_ok && len == rtp.size() && std::memcmp(srtp.bytes.get(), rtp.data(), len) == 0,
		  std::string(profile.name) + ": it is decrypted in place to what it was");

		const auto rtcp = RtcpPacket();
		Buffer srtcp(65536);

		err = srtp_protect_rtcp(sender, rtcp.data(), rtcp.size(), srtcp.bytes.get(), &srtcp.len, 0);

		Buffer out(srtcp.len);
		const auto protectedErr = err;

		err = srtp_unprotect_rtcp(receiver, srtcp.bytes.get(), srtcp.len, out.bytes.get(), &out.len);
		Ok(
		  protectedErr == srtp_err_status_ok && err == srtp_err_status_ok && out.len == rtcp.size() &&
		    std::memcmp(out.bytes.get(), rtcp.data(), out.len) == 0,
		  std::string(profile.name) + ": an RTCP packet survives the way into another buffer");

		srtp_dealloc(sender);
		srtp_dealloc(receiver);
	}

	void TestCapacities(const Profile& profile)
	{
		auto* const sender = MakeSession(profile.id, ssrc_any_outbound);
		const auto rtp     = RtpPacket(1, 100);
		Buffer wide(65536);

		srtp_protect(sender, rtp.data(), rtp.size(), wide.bytes.get(), &wide.len, 0);

		Buffer exact(wide.len);

		Ok(
		  srtp_protect(sender, rtp.data(), rtp.size(), exact.bytes.get(), &exact.len, 0) == srtp_err_status_ok,
		  std::string(profile.name) + ": a buffer of exactly the right size will do");

		Buffer tight(wide.len - 1);

		Ok(
		  srtp_protect(sender, rtp.data(), rtp.size(), tight.bytes.get(), &tight.len, 0) == srtp_err_status_buffer_small &&
		    tight.len == wide.len - 1,
		  std::string(profile.name) + ": one byte less is refused before a byte is written");

		auto* const receiver = MakeSession(profile.id, ssrc_any_inbound);
		Buffer small(rtp.size());

		Ok(
		  srtp_unprotect(receiver, wide.bytes.get(), wide.len, small.bytes.get(), &small.len) ==
		    srtp_err_status_buffer_small,
		  std::string(profile.name) + ": decrypting refuses a buffer that cannot hold the encrypted packet");

		const auto rtcp = RtcpPacket();
		Buffer wideRtcp(65536);

		srtp_protect_rtcp(sender, rtcp.data(), rtcp.size(), wideRtcp.bytes.get(), &wideRtcp.len, 0);

		Buffer tightRtcp(wideRtcp.len - 1);

		Ok(
		  srtp_protect_rtcp(sender, rtcp.data(), rtcp.size(), tightRtcp.bytes.get(), &tightRtcp.len, 0) ==
		    srtp_err_status_buffer_small,
		  std::string(profile.name) + ": the same holds for RTCP, its index included");

		srtp_dealloc(sender);
		srtp_dealloc(receiver);
	}

	void TestBadPackets(const Profile& profile)
	{
		auto* const sender   = MakeSession(profile.id, ssrc_any_outbound);
		auto* const receiver = MakeSession(profile.id, ssrc_any_inbound);
		const auto rtp       = RtpPacket(1, 100);
		Buffer srtp(65536);

		srtp_protect(sender, rtp.data(), rtp.size(), srtp.bytes.get(), &srtp.len, 0);
		srtp.bytes[20] ^= 1;

		size_t len = srtp.len;

		Ok(
		  srtp_unprotect(receiver, srtp.bytes.get(), srtp.len, srtp.bytes.get(), &len) == srtp_err_status_auth_fail && len == srtp.len,
		  std::string(profile.name) + ": a packet that was tampered with fails, and the length stays");

		bool allRefused{ true };

		for (size_t size{ 0 }; size < 12 + 10; ++size)
		{
			Buffer cut(size);

			std::memcpy(cut.bytes.get(), srtp.bytes.get(), size);
			allRefused =
			  allRefused && srtp_unprotect(receiver, cut.bytes.get(), size, cut.bytes.get(), &cut.len) != srtp_err_status_ok;
			allRefused =
			  allRefused && srtp_unprotect_rtcp(receiver, cut.bytes.get(), size, cut.bytes.get(), &cut.len) != srtp_err_status_ok;
		}

		Ok(allRefused, std::string(profile.name) + ": packets cut short anywhere are refused");

		srtp_dealloc(sender);
		srtp_dealloc(receiver);
	}

	void TestPolicies()
	{
		const std::array<uint8_t, SRTP_MAX_KEY_LEN> key{};
		srtp_policy_t policy{ nullptr };
		srtp_t session{ nullptr };

		srtp_policy_create(&policy);
		srtp_policy_set_profile(policy, srtp_profile_aes128_cm_sha1_80);
		Ok(srtp_create(&session, policy) == srtp_err_status_bad_param, "a policy without a key makes no session");
		Ok(
		  srtp_policy_add_key(policy, key.data(), 60, key.data(), 14, nullptr, 0) == srtp_err_status_bad_param,
		  "a key longer than any profile's is refused");
		Ok(
		  srtp_policy_add_key(policy, key.data(), 16, key.data(), 14, key.data(), 4) == srtp_err_status_bad_param,
		  "a master key identifier is refused and not ignored");
		srtp_policy_add_key(policy, key.data(), 15, key.data(), 14, nullptr, 0);
		Ok(srtp_create(&session, policy) == srtp_err_status_bad_param, "a key shorter than its profile's makes no session");
		srtp_policy_destroy(policy);
		srtp_policy_destroy(nullptr);
	}

	void TestErasingWhileIterating()
	{
		ankerl::unordered_dense::map<std::string, int> map{ { "a", 1 }, { "b", 2 }, { "c", 3 }, { "d", 4 } };

		for (auto it = map.begin(); it != map.end();)
		{
			if (it->second % 2 == 0)
			{
				it = map.erase(it);
			}
			else
			{
				++it;
			}
		}

		Ok(map.size() == 2 && map.contains("a") && map.contains("c"), "erasing by iterator returns the next element of a map");
		Ok(map.erase("a") == 1 && map.erase("a") == 0, "erasing by key returns how many were erased");

		ankerl::unordered_dense::set<int> set{ 1, 2, 3 };

		for (auto it = set.begin(); it != set.end();)
		{
			it = set.erase(it);
		}

		Ok(set.empty(), "erasing by iterator returns the next element of a set");
	}
} // namespace

int main()
{
	srtp_init();

	for (const auto& profile : Profiles)
	{
		TestRoundTrips(profile);
		TestCapacities(profile);
		TestBadPackets(profile);
	}

	TestPolicies();
	TestErasingWhileIterating();
	srtp_shutdown();

	std::printf("1..%d\n", testCount);

	return 0;
}
