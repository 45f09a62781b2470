#ifndef MS_PLUGIN_HOST_HELD_PACKET_HPP
#define MS_PLUGIN_HOST_HELD_PACKET_HPP

#include "common.hpp"
#include "PluginHost/Item.hpp"
#include "RTC/RTP/Packet.hpp"
#include "RTC/RtpDictionaries.hpp"
#include <array>
#include <memory>
#include <vector>

namespace PluginHost
{
	/**
	 * An RTP packet that the worker has in hand.
	 */
	class LivePacket : public Item
	{
	public:
		explicit LivePacket(RTC::RTP::Packet* packet) : Item(Form::LIVE), packet(packet)
		{
		}

	public:
		RTC::RTP::Packet* GetPacket() const
		{
			return this->packet;
		}

	private:
		// Passed by argument.
		RTC::RTP::Packet* packet{ nullptr };
	};

	/**
	 * An RTP packet that waits: a clone of the live one.
	 */
	class HeldPacket : public Held
	{
	public:
		RTC::RTP::Packet* GetPacket() const
		{
			return this->packet.get();
		}

		/**
		 * In the worker's own memory. Padding goes, header and extensions stay. The payload is not known any more until it is parsed.
		 */
		void SetPayload(const uint8_t* payload, size_t length);
		/**
		 * As RtpStreamRecv does with what it receives.
		 */
		void ParsePayload(const RTC::RtpCodecMimeType& mimeType);

	private:
		friend class HeldPacketPool;

		void CloneOf(const RTC::RTP::Packet* packet, size_t wantedLength);


		// As RTC::RTP::SharedPacket does: room for an RTX header and what else the send path writes.
		static constexpr size_t Slack{ 100 };

		std::unique_ptr<RTC::RTP::Packet> packet;
		alignas(8) std::array<uint8_t, 1600> storage;
		// For packets that do not fit (DirectTransport has no MTU).
		std::unique_ptr<uint8_t[]> largeStorage;
	};

	/**
	 * Holding costs no allocation of a buffer once the pool is warm. [worker-loop]
	 */
	class HeldPacketPool
	{
	public:
		HeldPacket* Hold(const RTC::RTP::Packet* packet);
		void Free(HeldPacket* held);

	private:
		static constexpr size_t MaxIdle{ 1024 };

		std::vector<std::unique_ptr<HeldPacket>> idle;
	};
} // namespace PluginHost

#endif
