#define MS_CLASS "PluginHost::DataRecord"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/DataRecord.hpp"
#include "Logger.hpp"
#include "mph/fbs/layout.h"
#include <cstring> // std::memcpy()

namespace PluginHost::DataRecord
{
	/* Static. */

	namespace Layout = Mph::Layout;

	static constexpr uint32_t HeaderLength{ sizeof(Layout::DataRecord) };
	static constexpr uint32_t Alignment{ static_cast<uint32_t>(Layout::Limit::RecordAlignment) };

	// What RecordHeader::payload_offset can say.
	static_assert(
	  HeaderLength + (static_cast<uint32_t>(Layout::Limit::MaxSubchannels) * sizeof(uint16_t)) <= UINT16_MAX);

	/**
	 * Bytes before the message.
	 */
	static uint32_t payloadOffset(const DataMessage& data)
	{
		const auto bytes = static_cast<uint32_t>(data.subchannels.size() * sizeof(uint16_t));

		return HeaderLength + ((bytes + Alignment - 1) & ~(Alignment - 1));
	}

	static int32_t numberOf(const std::optional<uint16_t>& subchannel)
	{
		return subchannel ? *subchannel : -1;
	}

	bool IsWritable(const DataMessage& data)
	{
		// What is longer fits no ring, and must not overflow the record's length.
		return data.subchannels.size() <= static_cast<size_t>(Layout::Limit::MaxSubchannels) &&
		       data.message.GetPayloadLength() < static_cast<size_t>(Layout::Limit::MaxRingSize);
	}

	uint32_t GetLength(const DataMessage& data, bool copied)
	{
		return payloadOffset(data) +
		       (copied ? static_cast<uint32_t>(data.message.GetPayloadLength()) : 0);
	}

	void Write(uint8_t* record, const DataMessage& data, bool copied, const Address& address)
	{
		MS_TRACE();

		const auto offset     = payloadOffset(data);
		const auto fullLength = static_cast<uint32_t>(data.message.GetPayloadLength());
		const auto listBytes  = data.subchannels.size() * sizeof(uint16_t);

		const Layout::DataRecord header(
		  Layout::RecordHeader(
		    GetLength(data, copied),
		    Layout::RecordType::Data,
		    address.redelivered ? static_cast<uint8_t>(Layout::RecordFlag::Redelivered) : 0,
		    static_cast<uint16_t>(offset)),
		  address.ticket,
		  address.receivedAtNs,
		  address.deadlineNs,
		  address.dataProducer,
		  address.attachment,
		  data.message.GetPayloadProtocolId(),
		  fullLength,
		  copied ? fullLength : 0,
		  static_cast<uint16_t>(data.subchannels.size()),
		  address.members,
		  numberOf(data.requiredSubchannel),
		  numberOf(data.ignoredSubchannel),
		  address.dataConsumer,
		  address.byChannel);

		std::memcpy(record, std::addressof(header), sizeof(header));

		if (listBytes > 0)
		{
			std::memcpy(record + HeaderLength, data.subchannels.data(), listBytes);
		}

		// What stood there in the lap before is nobody's business.
		std::memset(record + HeaderLength + listBytes, 0, offset - HeaderLength - listBytes);

		if (copied && fullLength > 0)
		{
			std::memcpy(record + offset, data.message.GetPayload().data(), fullLength);
		}
	}
} // namespace PluginHost::DataRecord
