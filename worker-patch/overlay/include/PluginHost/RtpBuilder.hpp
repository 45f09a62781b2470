#ifndef MS_PLUGIN_HOST_RTP_BUILDER_HPP
#define MS_PLUGIN_HOST_RTP_BUILDER_HPP

#include "common.hpp"
#include "RTC/RTP/Packet.hpp"
#include "RTC/RtpDictionaries.hpp"
#include <memory>

namespace PluginHost
{
	/**
	 * What a plugin wants to have sent, in the worker's own memory.
	 */
	struct InjectedRtp
	{
		uint32_t ssrc{ 0 };
		uint32_t timestamp{ 0 };
		uint8_t payloadType{ 0 };
		bool marker{ false };
		// Mph::Layout::AudioLevel::Unknown: none.
		uint8_t audioLevel{ 0 };
		bool voice{ false };
		const uint8_t* payload{ nullptr };
		size_t payloadLength{ 0 };
	};

	/**
	 * Makes packets that look like those that Producer hands to the router. [worker-loop]
	 */
	namespace RtpBuilder
	{
		static constexpr size_t MaxPayloadLength{ 1400 };

		/**
		 * The stream that it becomes part of.
		 */
		struct Stream
		{
			RTC::Media::Kind kind{ RTC::Media::Kind::AUDIO };
			const RTC::RtpCodecMimeType& mimeType;
			// Whether its packets carry ids of mediasoup's own.
			bool hasPacketIds{ false };
		};

		/**
		 * Valid until the next call. Throws if the payload is too long.
		 */
		std::unique_ptr<RTC::RTP::Packet> Build(const InjectedRtp& rtp, const Stream& stream);
	} // namespace RtpBuilder
} // namespace PluginHost

#endif
