#define MS_CLASS "PluginHost::HeldPacket"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/HeldPacket.hpp"
#include "Logger.hpp"
#include "RTC/RTP/Codecs/Tools.hpp"

namespace PluginHost
{
	void HeldPacket::SetPayload(const uint8_t* payload, size_t length)
	{
		MS_TRACE();

		const auto headerLength = this->packet->GetLength() - this->packet->GetPayloadLength() -
		                          this->packet->GetPaddingLength();
		const auto wanted = headerLength + length + HeldPacket::Slack;

		if (this->packet->GetBufferLength() < wanted)
		{
			CloneOf(this->packet.get(), wanted);
		}

		this->packet->SetPayload(payload, length);
	}

	void HeldPacket::ParsePayload(const RTC::RtpCodecMimeType& mimeType)
	{
		MS_TRACE();

		// What there is to know of AV1 stands in an extension, which stays as it is.
		if (mimeType.subtype == RTC::RtpCodecMimeType::Subtype::AV1)
		{
			return;
		}

		std::unique_ptr<RTC::RTP::Codecs::DependencyDescriptor::TemplateDependencyStructure> noStructure;

		this->packet->SetPayloadDescriptorHandler(nullptr);
		RTC::RTP::Codecs::Tools::ProcessRtpPacket(this->packet.get(), mimeType, noStructure);
	}

	/**
	 * The packet may be the clone that there is, if its buffer is too short.
	 */
	void HeldPacket::CloneOf(const RTC::RTP::Packet* packet, size_t wantedLength)
	{
		if (wantedLength <= this->storage.size())
		{
			// All of it, so that another payload fits as a rule.
			this->packet.reset(packet->Clone(this->storage.data(), this->storage.size()));

			return;
		}

		auto large = std::make_unique<uint8_t[]>(wantedLength);

		this->packet.reset(packet->Clone(large.get(), wantedLength));
		this->largeStorage = std::move(large);
	}

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

		held->CloneOf(packet, packet->GetLength() + HeldPacket::Slack);

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
