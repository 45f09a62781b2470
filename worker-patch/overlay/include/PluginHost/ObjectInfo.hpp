#ifndef MS_PLUGIN_HOST_OBJECT_INFO_HPP
#define MS_PLUGIN_HOST_OBJECT_INFO_HPP

#include "common.hpp"
#include "RTC/Consumer.hpp"
#include "RTC/DataConsumer.hpp"
#include "RTC/DataProducer.hpp"
#include "RTC/Producer.hpp"
#include "RTC/Transport.hpp"
#include "mph/fbs/control.h"
#include <memory>
#include <string>
#include <vector>

namespace PluginHost
{
	/**
	 * What hosts are told about something that lives in a router. Outlives it while records that name it are unread.
	 */
	struct ObjectInfo
	{
		enum class Type : uint8_t
		{
			TRANSPORT,
			PRODUCER,
			DATA_PRODUCER,
			CONSUMER,
			DATA_CONSUMER
		};

		Type type{ Type::TRANSPORT };
		// The number in records and events. Given as it comes to be, from one count for all types, and never reused in this worker's life: what
		// it refers to has a lower one.
		uint32_t number{ 0 };
		std::string id;
		bool paused{ false };
		// JSON text.
		std::string parameters;
		// What it is on; of a transport 0.
		uint32_t transport{ 0 };
		std::string transportId;
		// Of a consumer or data consumer: what it consumes.
		uint32_t producer{ 0 };
		std::string producerId;
		// The rest of producers and consumers of RTP.
		Mph::Layout::MediaKind kind{ Mph::Layout::MediaKind::None };
		// Of the first media codec.
		std::string mimeType;
		uint32_t clockRate{ 0 };
		// Of a producer the mapped ones, one per encoding.
		std::vector<uint32_t> ssrcs;
	};

	/**
	 * Where what is told about an object comes from. Each gives it its number.
	 */
	namespace ObjectInfos
	{
		std::shared_ptr<ObjectInfo> MakeTransport(const RTC::Transport* transport);
		std::shared_ptr<ObjectInfo> MakeDataProducer(
		  const RTC::DataProducer* dataProducer, const ObjectInfo& transport);
		std::shared_ptr<ObjectInfo> MakeConsumer(
		  const RTC::Consumer* consumer, const ObjectInfo& transport, const ObjectInfo& producer);
		std::shared_ptr<ObjectInfo> MakeDataConsumer(
		  const RTC::DataConsumer* dataConsumer, const ObjectInfo& transport, const ObjectInfo& dataProducer);
		/**
		 * Kind, MIME type and clock rate of the first media codec.
		 */
		void SetCodec(ObjectInfo& info, RTC::Media::Kind kind, const RTC::RtpParameters& rtpParameters);
	} // namespace ObjectInfos
} // namespace PluginHost

#endif
