#define MS_CLASS "PluginHost::HeldMessage"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/HeldMessage.hpp"
#include "Logger.hpp"

namespace PluginHost
{
	/* Static. */

	// RFC 8831, 8. The partial ones are deprecated.
	static constexpr uint32_t PpidString{ 51 };
	static constexpr uint32_t PpidBinaryPartial{ 52 };
	static constexpr uint32_t PpidBinary{ 53 };
	static constexpr uint32_t PpidStringPartial{ 54 };
	static constexpr uint32_t PpidEmptyString{ 56 };
	static constexpr uint32_t PpidEmptyBinary{ 57 };

	static uint32_t ppidFor(uint32_t ppid, bool isEmpty)
	{
		switch (ppid)
		{
			case PpidString:
			case PpidStringPartial:
			{
				return isEmpty ? PpidEmptyString : ppid;
			}
			case PpidBinary:
			case PpidBinaryPartial:
			{
				return isEmpty ? PpidEmptyBinary : ppid;
			}
			case PpidEmptyString:
			{
				return isEmpty ? ppid : PpidString;
			}
			case PpidEmptyBinary:
			{
				return isEmpty ? ppid : PpidBinary;
			}
			default:
			{
				return ppid;
			}
		}
	}

	/* Class variables. */

	thread_local size_t HeldMessage::heldBytes{ 0 };

	/* Instance methods. */

	void DataMessage::SetPayload(const uint8_t* data, size_t length)
	{
		MS_TRACE();

		// SCTP knows no empty messages: one byte stands for nothing.
		std::vector<uint8_t> payload(std::max<size_t>(length, 1));

		std::copy_n(data, length, payload.begin());

		this->message = RTC::SCTP::Message(
		  this->message.GetStreamId(),
		  ppidFor(this->message.GetPayloadProtocolId(), length == 0),
		  std::move(payload));
	}

	HeldMessage::HeldMessage(const DataMessage& live)
	  : message(std::move(live.message)),
	    subchannels(std::move(live.subchannels)),
	    data{ .message            = this->message,
		        .subchannels        = this->subchannels,
		        .requiredSubchannel = live.requiredSubchannel,
		        .ignoredSubchannel  = live.ignoredSubchannel },
	    countedBytes(BytesOf(this->data))
	{
		MS_TRACE();

		HeldMessage::heldBytes += this->countedBytes;
	}

	HeldMessage::~HeldMessage()
	{
		MS_TRACE();

		HeldMessage::heldBytes -= this->countedBytes;
	}

	void HeldMessage::SetPayload(const uint8_t* data, size_t length)
	{
		MS_TRACE();

		this->data.SetPayload(data, length);

		HeldMessage::heldBytes -= this->countedBytes;
		this->countedBytes = BytesOf(this->data);
		HeldMessage::heldBytes += this->countedBytes;
	}
} // namespace PluginHost
