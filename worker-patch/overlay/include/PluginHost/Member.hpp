#ifndef MS_PLUGIN_HOST_MEMBER_HPP
#define MS_PLUGIN_HOST_MEMBER_HPP

#include "common.hpp"
#include "PluginHost/Attachment.hpp"
#include "mph/fbs/layout.h"
#include <array>
#include <vector>

namespace PluginHost
{
	/**
	 * What selection goes by.
	 */
	struct Traits
	{
		// The stream within its producer; 0 of a message.
		uint32_t ssrc{ 0 };
		uint32_t timestamp{ 0 };
		bool isVideo{ false };
		// The first packet of one.
		bool isKeyFrame{ false };
		uint8_t spatialLayer{ static_cast<uint8_t>(Mph::Layout::Limit::UnknownLayer) };
		uint8_t temporalLayer{ static_cast<uint8_t>(Mph::Layout::Limit::UnknownLayer) };
		uint8_t audioLevel{ static_cast<uint8_t>(Mph::Layout::AudioLevel::Unknown) };
	};

	/**
	 * One attachment in one chain, and what is remembered for it of the chain's streams: what is selected, what the plugin wants to
	 * bypass, which frames lost a packet. [worker-loop]
	 */
	class Member
	{
	public:
		enum class Choice : uint8_t
		{
			SELECTED,
			NOT_SELECTED,
			BYPASSED,
			// The frame that it belongs to is lost already.
			LOST
		};

	public:
		Member(Attachment* attachment, uint32_t producerNumber);

	public:
		Attachment* GetAttachment() const
		{
			return this->attachment;
		}
		/**
		 * Everything is selected, whatever it is.
		 */
		bool IsPlain() const
		{
			return this->plain;
		}
		Choice Choose(const Traits& traits);
		/**
		 * @param ssrc - 0: all streams. As many as the chain has, at most.
		 */
		void Bypass(uint32_t ssrc, Mph::Layout::BypassUnit unit, uint32_t amount);
		bool IsFrameLost(const Traits& traits) const;
		void LoseFrame(const Traits& traits);

	private:
		struct Stream
		{
			uint32_t ssrc{ 0 };
			uint32_t count{ 0 };
			bool hasKeyFrame{ false };
			uint32_t keyFrameTimestamp{ 0 };
		};

		struct BypassedStream
		{
			uint32_t ssrc{ 0 };
			Mph::Layout::BypassUnit unit{ Mph::Layout::BypassUnit::Forever };
			uint32_t packets{ 0 };
			uint64_t untilNs{ 0 };
		};

		struct Frame
		{
			uint32_t ssrc{ 0 };
			uint32_t timestamp{ 0 };
		};

	private:
		bool IsSelected(const Traits& traits);
		bool IsBypassed(const Traits& traits);
		Stream& GetStream(uint32_t ssrc);

	private:
		// Late packets of a frame come within a few frames.
		static constexpr size_t MaxLostFrames{ 8 };
		// Mapped SSRCs are as many as encodings; the bound is for what nobody thought of.
		static constexpr size_t MaxStreams{ 16 };

	private:
		// Passed by argument.
		Attachment* attachment{ nullptr };
		uint32_t producerNumber{ 0 };
		// Others.
		bool plain{ true };
		std::vector<Stream> streams;
		std::vector<BypassedStream> bypassed;
		std::array<Frame, MaxLostFrames> lostFrames{};
		size_t lostFrameCount{ 0 };
	};
} // namespace PluginHost

#endif
