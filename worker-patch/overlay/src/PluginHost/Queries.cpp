#define MS_CLASS "PluginHost::Queries"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/Queries.hpp"
#include "FBS/consumer.h"
#include "Logger.hpp"
#include "PluginHost/Json.hpp"
#include "PluginHost/ParametersJson.hpp"
#include "PluginHost/ProducerTap.hpp"
#include "PluginHost/RouterTap.hpp"
#include <map>

namespace PluginHost::Queries
{
	/* Static. */

	using Mph::Control::ErrorCode;
	using Mph::Control::QueryWhat;

	static Answer ok(JsonWriter& json)
	{
		return { .code = ErrorCode::None, .body = json.TakeText() };
	}

	static Answer malformed(const char* what)
	{
		return { .code = ErrorCode::Malformed, .body = what };
	}

	/**
	 * In the order of the encodings.
	 */
	static std::map<uint32_t, std::pair<uint32_t, RTC::RTP::RtpStreamRecv*>> streamsOf(RTC::Producer* producer)
	{
		std::map<uint32_t, std::pair<uint32_t, RTC::RTP::RtpStreamRecv*>> streams;

		for (const auto& kv : producer->GetRtpStreams())
		{
			streams[kv.first->GetEncodingIdx()] = { kv.second, kv.first };
		}

		return streams;
	}

	static Answer answerRtpParameters(const RTC::RtpParameters& rtpParameters)
	{
		JsonWriter json;

		json.BeginObject().Key("rtpParameters");
		ParametersJson::WriteRtpParameters(json, rtpParameters);
		json.EndObject();

		return ok(json);
	}

	static Answer answerConsumers(const RouterTap& routerTap, uint32_t producer)
	{
		JsonWriter json;

		json.BeginArray();
		routerTap.ForEachConsumerOf(
		  producer,
		  [&json](const ObjectInfo& info, const std::string& type)
		  {
			  json.BeginObject().Key("consumer").Unsigned(info.number).Key("id").String(info.id);

			  if (info.type == ObjectInfo::Type::CONSUMER)
			  {
				  json.Key("kind").String(
				    info.kind == Mph::Layout::MediaKind::Audio ? "audio" : "video");
			  }

			  json.Key("type").String(type).Key("paused").Boolean(info.paused).EndObject();
		  });
		json.EndArray();

		return ok(json);
	}

	static Answer answerSenderReports(RTC::Producer* producer)
	{
		static constexpr double UsPerMs{ 1000 };
		static constexpr uint64_t NsPerUs{ 1000 };

		JsonWriter json;

		json.BeginArray();

		for (const auto& kv : streamsOf(producer))
		{
			const auto [ssrc, stream] = kv.second;
			const auto mapping        = stream->GetSenderReportMapping();
			const auto receivedAtUs   = stream->GetSenderReportReceivedAtUs();

			if (!mapping || !receivedAtUs)
			{
				continue;
			}

			json.BeginObject()
			  .Key("ssrc")
			  .Unsigned(ssrc)
			  .Key("rtpTimestamp")
			  .Unsigned(mapping->ts)
			  .Key("ntpMs")
			  .Double(static_cast<double>(mapping->ntpUs) / UsPerMs)
			  .Key("receivedAtNs")
			  .Unsigned(static_cast<uint64_t>(*receivedAtUs) * NsPerUs)
			  .EndObject();
		}

		json.EndArray();

		return ok(json);
	}

	static Answer answerScores(RTC::Producer* producer)
	{
		JsonWriter json;

		json.BeginArray();

		for (const auto& kv : streamsOf(producer))
		{
			const auto [ssrc, stream] = kv.second;

			json.BeginObject()
			  .Key("ssrc")
			  .Unsigned(ssrc)
			  .Key("encodingIndex")
			  .Unsigned(kv.first)
			  .Key("score")
			  .Unsigned(stream->GetScore())
			  .EndObject();
		}

		json.EndArray();

		return ok(json);
	}

	static Answer answerScores(const RTC::Consumer* consumer)
	{
		flatbuffers::FlatBufferBuilder builder;

		builder.Finish(consumer->FillBufferScore(builder));

		const auto* score =
		  flatbuffers::GetRoot<FBS::Consumer::ConsumerScore>(builder.GetBufferPointer());
		JsonWriter json;

		json.BeginObject()
		  .Key("score")
		  .Unsigned(score->score())
		  .Key("producerScore")
		  .Unsigned(score->producerScore())
		  .Key("producerScores")
		  .BeginArray();

		for (const auto producerScore : *score->producerScores())
		{
			json.Unsigned(producerScore);
		}

		json.EndArray().EndObject();

		return ok(json);
	}

	static Answer askProducer(const RouterTap& routerTap, const ProducerTap& tap, QueryWhat what)
	{
		switch (what)
		{
			case QueryWhat::RtpParameters:
			{
				return answerRtpParameters(tap.GetProducer()->GetRtpParameters());
			}

			case QueryWhat::Consumers:
			{
				return answerConsumers(routerTap, tap.GetInfo()->number);
			}

			case QueryWhat::SenderReports:
			{
				return answerSenderReports(tap.GetProducer());
			}

			case QueryWhat::Scores:
			{
				return answerScores(tap.GetProducer());
			}

			default:
			{
				return malformed("a producer has no such thing");
			}
		}
	}

	static Answer askConsumer(const RTC::Consumer* consumer, QueryWhat what)
	{
		switch (what)
		{
			case QueryWhat::RtpParameters:
			{
				return answerRtpParameters(consumer->GetRtpParameters());
			}

			case QueryWhat::Scores:
			{
				return answerScores(consumer);
			}

			default:
			{
				return malformed("a consumer has no such thing");
			}
		}
	}

	Answer Ask(const PluginPlace& place, QueryWhat what, uint32_t object)
	{
		MS_TRACE();

		const auto& routerTap = *place.GetRouterTap();

		if (place.Knows(object))
		{
			if (const auto* tap = routerTap.FindProducerTap(object))
			{
				return askProducer(routerTap, *tap, what);
			}

			if (const auto* consumer = routerTap.FindConsumer(object))
			{
				return askConsumer(consumer, what);
			}

			if (routerTap.FindDataProducerTap(object))
			{
				return what == QueryWhat::Consumers ? answerConsumers(routerTap, object)
				                                    : malformed("a data producer has no such thing");
			}

			if (routerTap.FindDataConsumer(object))
			{
				return malformed("a data consumer has no such thing");
			}
		}

		return { .code = ErrorCode::NotFound,
			       .body = "nothing with the number " + std::to_string(object) + " is in this router" };
	}
} // namespace PluginHost::Queries
