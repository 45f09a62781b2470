#define MS_CLASS "PluginHost::ObjectInfo"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/ObjectInfo.hpp"
#include "Logger.hpp"
#include "PluginHost/Control.hpp"
#include "PluginHost/ParametersJson.hpp"

namespace PluginHost::ObjectInfos
{
	/* Static. */

	static std::shared_ptr<ObjectInfo> make(ObjectInfo::Type type, const std::string& id)
	{
		auto info = std::make_shared<ObjectInfo>();

		info->type   = type;
		info->number = Control::GetRegistry().GetNextObjectNumber();
		info->id     = id;

		return info;
	}

	static void setTransport(ObjectInfo& info, const ObjectInfo& transport)
	{
		info.transport   = transport.number;
		info.transportId = transport.id;
	}

	static void setProducer(ObjectInfo& info, const ObjectInfo& producer)
	{
		info.producer   = producer.number;
		info.producerId = producer.id;
	}

	std::shared_ptr<ObjectInfo> MakeTransport(const RTC::Transport* transport)
	{
		MS_TRACE();

		auto info = make(ObjectInfo::Type::TRANSPORT, transport->id);

		info->parameters = ParametersJson::OfTransport(transport);

		return info;
	}

	std::shared_ptr<ObjectInfo> MakeDataProducer(
	  const RTC::DataProducer* dataProducer, const ObjectInfo& transport)
	{
		MS_TRACE();

		auto info = make(ObjectInfo::Type::DATA_PRODUCER, dataProducer->id);

		info->kind       = Mph::Layout::MediaKind::Data;
		info->paused     = dataProducer->IsPaused();
		info->parameters = ParametersJson::OfDataProducer(dataProducer);
		setTransport(*info, transport);

		return info;
	}

	std::shared_ptr<ObjectInfo> MakeConsumer(
	  const RTC::Consumer* consumer, const ObjectInfo& transport, const ObjectInfo& producer)
	{
		MS_TRACE();

		auto info = make(ObjectInfo::Type::CONSUMER, consumer->id);

		info->paused     = consumer->IsPaused();
		info->parameters = ParametersJson::OfConsumer(consumer);
		info->ssrcs      = consumer->GetMediaSsrcs();
		SetCodec(*info, consumer->GetKind(), consumer->GetRtpParameters());
		setTransport(*info, transport);
		setProducer(*info, producer);

		return info;
	}

	std::shared_ptr<ObjectInfo> MakeDataConsumer(
	  const RTC::DataConsumer* dataConsumer, const ObjectInfo& transport, const ObjectInfo& dataProducer)
	{
		MS_TRACE();

		auto info = make(ObjectInfo::Type::DATA_CONSUMER, dataConsumer->id);

		info->kind       = Mph::Layout::MediaKind::Data;
		info->paused     = dataConsumer->IsPaused();
		info->parameters = ParametersJson::OfDataConsumer(dataConsumer);
		setTransport(*info, transport);
		setProducer(*info, dataProducer);

		return info;
	}

	void SetCodec(ObjectInfo& info, RTC::Media::Kind kind, const RTC::RtpParameters& rtpParameters)
	{
		MS_TRACE();

		info.kind = kind == RTC::Media::Kind::AUDIO ? Mph::Layout::MediaKind::Audio
		                                            : Mph::Layout::MediaKind::Video;

		const auto it = std::ranges::find_if(
		  rtpParameters.codecs,
		  [](const RTC::RtpCodecParameters& codec)
		  {
			  return codec.mimeType.IsMediaCodec();
		  });

		if (it != rtpParameters.codecs.end())
		{
			info.mimeType  = it->mimeType.ToString();
			info.clockRate = it->clockRate;
		}
	}
} // namespace PluginHost::ObjectInfos
