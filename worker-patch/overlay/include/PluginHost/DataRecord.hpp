#ifndef MS_PLUGIN_HOST_DATA_RECORD_HPP
#define MS_PLUGIN_HOST_DATA_RECORD_HPP

#include "common.hpp"
#include "PluginHost/HeldMessage.hpp"

/**
 * How a data message stands in a packet ring: Mph.Layout.DataRecord, its subchannels, then its bytes. [worker-loop]
 */
namespace PluginHost::DataRecord
{
	/**
	 * Who it is for.
	 */
	struct Address
	{
		uint32_t dataProducer{ 0 };
		// Of an attachment or a run.
		uint32_t attachment{ 0 };
		uint16_t members{ 1 };
		uint64_t ticket{ 0 };
		uint64_t receivedAtNs{ 0 };
		uint64_t deadlineNs{ 0 };
		bool redelivered{ false };
		// Of a DirectTransport, or 0.
		uint32_t dataConsumer{ 0 };
		// As in Publication.
		uint32_t byChannel{ 0 };
	};

	/**
	 * Whether it can be written at all.
	 */
	bool IsWritable(const DataMessage& data);
	/**
	 * Bytes of the whole record.
	 *
	 * @param copied - Whether the message stands in it.
	 */
	uint32_t GetLength(const DataMessage& data, bool copied);
	/**
	 * @param record - Where GetLength() bytes were claimed.
	 */
	void Write(uint8_t* record, const DataMessage& data, bool copied, const Address& address);
} // namespace PluginHost::DataRecord

#endif
