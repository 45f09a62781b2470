#ifndef MS_PLUGIN_HOST_HELD_PACKET_HPP
#define MS_PLUGIN_HOST_HELD_PACKET_HPP

#include "common.hpp"
#include "RTC/RTP/Packet.hpp"
#include <array>
#include <memory>
#include <vector>

namespace PluginHost
{
	class ProducerTap;
	struct Stage;

	/**
	 * A packet that waits in a stage of its producer's chain, cloned into the worker's own memory.
	 *
	 * WAITING → ACCEPTED | DROPPED. A packet that is decided still waits for those before it: order is kept per producer. One that is
	 * DROPPED passes the rest of the chain unseen, so that its number is dropped in order, too.
	 */
	class HeldPacket
	{
	public:
		enum class State : uint8_t
		{
			WAITING,
			ACCEPTED,
			DROPPED
		};

	public:
		RTC::RTP::Packet* GetPacket() const
		{
			return this->packet.get();
		}

	public:
		ProducerTap* producerTap{ nullptr };
		Stage* stage{ nullptr };
		// 0 unless a verdict is awaited.
		uint64_t ticket{ 0 };
		uint64_t heldAtNs{ 0 };
		uint64_t deadlineNs{ 0 };
		// Where its record ends in the packet ring.
		uint64_t recordEnd{ 0 };
		State state{ State::WAITING };

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
