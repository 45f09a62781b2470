#ifndef MS_PLUGIN_HOST_PACKET_RECORD_HPP
#define MS_PLUGIN_HOST_PACKET_RECORD_HPP

#include "common.hpp"
#include "PluginHost/ProducerInfo.hpp"
#include "PluginHost/Publication.hpp"
#include "RTC/RTP/Packet.hpp"

/**
 * How an RTP packet stands in a packet ring: Mph.Layout.PacketRecord, then its bytes. [worker-loop]
 */
namespace PluginHost::PacketRecord
{
	/**
	 * Bytes of the whole record.
	 */
	uint32_t GetLength(const RTC::RTP::Packet* packet, Mph::Control::Copy copy);
	/**
	 * @param record - Where GetLength() bytes were claimed.
	 */
	void Write(
	  uint8_t* record,
	  const RTC::RTP::Packet* packet,
	  const ProducerInfo& producer,
	  const Publication& publication);
} // namespace PluginHost::PacketRecord

#endif
