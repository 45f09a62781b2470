#define MS_CLASS "PluginHost::ParametersJson"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/ParametersJson.hpp"
#include "Logger.hpp"
#include "FBS/dataConsumer.h"
#include "FBS/dataProducer.h"
#include "FBS/rtpParameters.h"
#include "RTC/DirectTransport.hpp"
#include "RTC/PipeTransport.hpp"
#include "RTC/PlainTransport.hpp"

namespace PluginHost::ParametersJson
{
	/* Static. */

	namespace Fbs = FBS::RtpParameters;

	// An event must fit half of the smallest ring. Of what is longer nothing is told; a plugin may ask for it.
	static constexpr size_t MaxBytes{ 65536 };

	static std::string takeText(JsonWriter& json)
	{
		auto text = json.TakeText();

		return text.size() <= MaxBytes ? std::move(text) : std::string();
	}

	static std::string_view viewOf(const flatbuffers::String* text)
	{
		return text ? text->string_view() : std::string_view();
	}

	static void writeIfPresent(JsonWriter& json, std::string_view key, const flatbuffers::String* text)
	{
		if (text && text->size() > 0)
		{
			json.Key(key).String(viewOf(text));
		}
	}

	static std::string_view uriOf(Fbs::RtpHeaderExtensionUri uri)
	{
		switch (uri)
		{
			case Fbs::RtpHeaderExtensionUri::Mid:
			{
				return "urn:ietf:params:rtp-hdrext:sdes:mid";
			}
			case Fbs::RtpHeaderExtensionUri::RtpStreamId:
			{
				return "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
			}
			case Fbs::RtpHeaderExtensionUri::RepairRtpStreamId:
			{
				return "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";
			}
			case Fbs::RtpHeaderExtensionUri::AbsSendTime:
			{
				return "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";
			}
			case Fbs::RtpHeaderExtensionUri::TransportWideCcDraft01:
			{
				return "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
			}
			case Fbs::RtpHeaderExtensionUri::SsrcAudioLevel:
			{
				return "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
			}
			case Fbs::RtpHeaderExtensionUri::DependencyDescriptor:
			{
				return "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";
			}
			case Fbs::RtpHeaderExtensionUri::VideoOrientation:
			{
				return "urn:3gpp:video-orientation";
			}
			case Fbs::RtpHeaderExtensionUri::TimeOffset:
			{
				return "urn:ietf:params:rtp-hdrext:toffset";
			}
			case Fbs::RtpHeaderExtensionUri::AbsCaptureTime:
			{
				return "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time";
			}
			case Fbs::RtpHeaderExtensionUri::PlayoutDelay:
			{
				return "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay";
			}
			case Fbs::RtpHeaderExtensionUri::MediasoupPacketId:
			{
				return "urn:mediasoup:params:rtp-hdrext:packet-id";
			}
		}

		return "";
	}

	static void writeParameterValue(JsonWriter& json, const Fbs::Parameter* parameter)
	{
		switch (parameter->value_type())
		{
			case Fbs::Value::Boolean:
			{
				json.Boolean(parameter->value_as_Boolean()->value() != 0);

				break;
			}
			case Fbs::Value::Integer32:
			{
				json.Integer(parameter->value_as_Integer32()->value());

				break;
			}
			case Fbs::Value::Double:
			{
				json.Double(parameter->value_as_Double()->value());

				break;
			}
			case Fbs::Value::String:
			{
				json.String(viewOf(parameter->value_as_String()->value()));

				break;
			}
			case Fbs::Value::Integer32Array:
			{
				json.BeginArray();

				if (const auto* array = parameter->value_as_Integer32Array()->value())
				{
					for (const auto integer : *array)
					{
						json.Integer(integer);
					}
				}

				json.EndArray();

				break;
			}
			default:
			{
				json.Null();
			}
		}
	}

	static void writeParameters(
	  JsonWriter& json, const flatbuffers::Vector<flatbuffers::Offset<Fbs::Parameter>>* parameters)
	{
		json.Key("parameters").BeginObject();

		if (parameters)
		{
			for (const auto* parameter : *parameters)
			{
				json.Key(viewOf(parameter->name()));
				writeParameterValue(json, parameter);
			}
		}

		json.EndObject();
	}

	static void writeCodec(JsonWriter& json, const Fbs::RtpCodecParameters* codec)
	{
		json.BeginObject();
		json.Key("mimeType").String(viewOf(codec->mimeType()));
		json.Key("payloadType").Unsigned(codec->payloadType());
		json.Key("clockRate").Unsigned(codec->clockRate());

		if (const auto channels = codec->channels(); channels.has_value())
		{
			json.Key("channels").Unsigned(channels.value());
		}

		writeParameters(json, codec->parameters());

		json.Key("rtcpFeedback").BeginArray();

		if (const auto* feedbacks = codec->rtcpFeedback())
		{
			for (const auto* feedback : *feedbacks)
			{
				json.BeginObject();
				json.Key("type").String(viewOf(feedback->type()));
				writeIfPresent(json, "parameter", feedback->parameter());
				json.EndObject();
			}
		}

		json.EndArray();
		json.EndObject();
	}

	static void writeHeaderExtension(JsonWriter& json, const Fbs::RtpHeaderExtensionParameters* extension)
	{
		json.BeginObject();
		json.Key("uri").String(uriOf(extension->uri()));
		json.Key("id").Unsigned(extension->id());
		json.Key("encrypt").Boolean(extension->encrypt());
		writeParameters(json, extension->parameters());
		json.EndObject();
	}

	static void writeEncoding(
	  JsonWriter& json, const Fbs::RtpEncodingParameters* encoding, int64_t maxBitrate)
	{
		json.BeginObject();

		if (const auto ssrc = encoding->ssrc(); ssrc.has_value())
		{
			json.Key("ssrc").Unsigned(ssrc.value());
		}

		writeIfPresent(json, "rid", encoding->rid());

		if (const auto payloadType = encoding->codecPayloadType(); payloadType.has_value())
		{
			json.Key("codecPayloadType").Unsigned(payloadType.value());
		}

		if (const auto* rtx = encoding->rtx())
		{
			json.Key("rtx").BeginObject().Key("ssrc").Unsigned(rtx->ssrc()).EndObject();
		}

		json.Key("dtx").Boolean(encoding->dtx());
		writeIfPresent(json, "scalabilityMode", encoding->scalabilityMode());

		if (maxBitrate > 0)
		{
			json.Key("maxBitrate").Integer(maxBitrate);
		}

		json.EndObject();
	}

	/**
	 * `dump` is a dump of a data producer or a data consumer.
	 */
	template<typename Dump>
	static std::string ofData(const Dump* dump, bool isSctp)
	{
		JsonWriter json;

		json.BeginObject();
		json.Key("type").String(isSctp ? "sctp" : "direct");
		json.Key("label").String(viewOf(dump->label()));
		json.Key("protocol").String(viewOf(dump->protocol()));

		if (const auto* stream = dump->sctpStreamParameters())
		{
			json.Key("sctpStreamParameters").BeginObject();
			json.Key("streamId").Unsigned(stream->streamId());

			if (const auto ordered = stream->ordered(); ordered.has_value())
			{
				json.Key("ordered").Boolean(ordered.value());
			}

			if (const auto maxPacketLifeTime = stream->maxPacketLifeTime(); maxPacketLifeTime.has_value())
			{
				json.Key("maxPacketLifeTime").Unsigned(maxPacketLifeTime.value());
			}

			if (const auto maxRetransmits = stream->maxRetransmits(); maxRetransmits.has_value())
			{
				json.Key("maxRetransmits").Unsigned(maxRetransmits.value());
			}

			json.EndObject();
		}

		json.EndObject();

		return takeText(json);
	}

	void WriteRtpParameters(
	  JsonWriter& json, const RTC::RtpParameters& rtpParameters, const std::string& type)
	{
		MS_TRACE();

		// mediasoup's own serialization is the one way to its parameters by name.
		flatbuffers::FlatBufferBuilder builder;

		builder.Finish(rtpParameters.FillBuffer(builder));

		const auto* parameters =
		  flatbuffers::GetRoot<Fbs::RtpParameters>(builder.GetBufferPointer());

		json.BeginObject();

		if (!type.empty())
		{
			json.Key("type").String(type);
		}

		writeIfPresent(json, "mid", parameters->mid());

		json.Key("codecs").BeginArray();

		for (const auto* codec : *parameters->codecs())
		{
			writeCodec(json, codec);
		}

		json.EndArray();

		json.Key("headerExtensions").BeginArray();

		for (const auto* extension : *parameters->headerExtensions())
		{
			writeHeaderExtension(json, extension);
		}

		json.EndArray();

		json.Key("encodings").BeginArray();

		for (flatbuffers::uoffset_t i{ 0 }; i < parameters->encodings()->size(); ++i)
		{
			// What the serialization leaves out.
			writeEncoding(json, parameters->encodings()->Get(i), rtpParameters.encodings[i].maxBitrate);
		}

		json.EndArray();

		json.Key("rtcp").BeginObject();
		writeIfPresent(json, "cname", parameters->rtcp()->cname());
		json.Key("reducedSize").Boolean(parameters->rtcp()->reducedSize());
		json.EndObject();

		writeIfPresent(json, "msid", parameters->msid());

		json.EndObject();
	}

	std::string OfTransport(const RTC::Transport* transport)
	{
		MS_TRACE();

		JsonWriter json;
		const char* type{ "webrtc" };

		if (dynamic_cast<const RTC::PlainTransport*>(transport))
		{
			type = "plain";
		}
		else if (dynamic_cast<const RTC::PipeTransport*>(transport))
		{
			type = "pipe";
		}
		else if (dynamic_cast<const RTC::DirectTransport*>(transport))
		{
			type = "direct";
		}

		json.BeginObject().Key("type").String(type).EndObject();

		return takeText(json);
	}

	std::string OfProducer(const RTC::Producer* producer)
	{
		MS_TRACE();

		JsonWriter json;

		WriteRtpParameters(
		  json,
		  producer->GetRtpParameters(),
		  RTC::RtpParameters::GetTypeString(producer->GetType()));

		return takeText(json);
	}

	std::string OfConsumer(const RTC::Consumer* consumer)
	{
		MS_TRACE();

		JsonWriter json;

		WriteRtpParameters(
		  json,
		  consumer->GetRtpParameters(),
		  RTC::RtpParameters::GetTypeString(consumer->GetType()));

		return takeText(json);
	}

	std::string OfDataProducer(const RTC::DataProducer* dataProducer)
	{
		MS_TRACE();

		flatbuffers::FlatBufferBuilder builder;

		builder.Finish(dataProducer->FillBuffer(builder));

		return ofData(
		  flatbuffers::GetRoot<FBS::DataProducer::DumpResponse>(builder.GetBufferPointer()),
		  dataProducer->GetType() == RTC::DataProducer::Type::SCTP);
	}

	std::string OfDataConsumer(const RTC::DataConsumer* dataConsumer)
	{
		MS_TRACE();

		flatbuffers::FlatBufferBuilder builder;

		builder.Finish(dataConsumer->FillBuffer(builder));

		return ofData(
		  flatbuffers::GetRoot<FBS::DataConsumer::DumpResponse>(builder.GetBufferPointer()),
		  dataConsumer->GetType() == RTC::DataConsumer::Type::SCTP);
	}
} // namespace PluginHost::ParametersJson
