#define MS_CLASS "PluginHost::HeldPacket"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/HeldPacket.hpp"
#include "Logger.hpp"

namespace PluginHost
{
	HeldPacket* HeldPacketPool::Hold(const RTC::RTP::Packet* packet)
	{
		MS_TRACE();

		std::unique_ptr<HeldPacket> held;

		if (this->idle.empty())
		{
			held = std::make_unique<HeldPacket>();
		}
		else
		{
			held = std::move(this->idle.back());
			this->idle.pop_back();
		}

		const size_t bufferLength = packet->GetLength() + HeldPacket::Slack;
		uint8_t* buffer           = held->storage.data();

		if (bufferLength > held->storage.size())
		{
			held->largeStorage = std::make_unique<uint8_t[]>(bufferLength);
			buffer             = held->largeStorage.get();
		}

		held->packet.reset(packet->Clone(buffer, bufferLength));

		return held.release();
	}

	void HeldPacketPool::Free(HeldPacket* held)
	{
		MS_TRACE();

		std::unique_ptr<HeldPacket> owned(held);

		if (this->idle.size() >= MaxIdle)
		{
			return;
		}

		owned->packet.reset();
		owned->largeStorage.reset();
		owned->Reset();

		this->idle.push_back(std::move(owned));
	}
} // namespace PluginHost
