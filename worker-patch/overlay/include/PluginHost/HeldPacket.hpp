#ifndef MS_PLUGIN_HOST_HELD_PACKET_HPP
#define MS_PLUGIN_HOST_HELD_PACKET_HPP

#include "common.hpp"
#include "PluginHost/Item.hpp"
#include "RTC/RTP/Packet.hpp"
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

	private:
		friend class HeldPacketPool;

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
