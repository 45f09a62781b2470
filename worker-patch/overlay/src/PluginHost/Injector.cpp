#define MS_CLASS "PluginHost::Injector"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/Injector.hpp"
#include "Logger.hpp"
#include "PluginHost/Macros.hpp"
#include "PluginHost/Control.hpp"
#include "PluginHost/DirectInput.hpp"
#include "PluginHost/HeldMessage.hpp"
#include "PluginHost/Plugin.hpp"
#include "PluginHost/PluginPlace.hpp"
#include "PluginHost/ProducerTap.hpp"
#include "PluginHost/RouterTap.hpp"
#include "PluginHost/RtpBuilder.hpp"
#include <uv.h> // uv_hrtime()
#include <array>

namespace PluginHost
{
	/* Static. */

	namespace Layout = Mph::Layout;

	using Layout::ResultCode;

	static constexpr uint64_t PositionCause{ uint64_t{ 1 } << static_cast<uint8_t>(
		                                         Layout::CauseBit::Position) };
	// What opens and closes the channels of a peer (RFC 8832) is no message.
	static constexpr uint32_t DcepPpid{ 50 };

	static constexpr size_t padTo8(size_t length)
	{
		return (length + 7) & ~size_t{ 7 };
	}

	/**
	 * @return By address, each once.
	 */
	template<typename T>
	static void sortUnique(std::vector<T*>& pointers)
	{
		std::ranges::sort(pointers);

		const auto rest = std::ranges::unique(pointers);

		pointers.erase(rest.begin(), rest.end());
	}

	/**
	 * The transport tells at once what it did with the message.
	 *
	 * @return Ok also of one that is not to be sent there.
	 */
	static ResultCode sendMessage(
	  RTC::DataConsumer* dataConsumer, const RTC::SCTP::Message& message, DataMessage& data)
	{
		if (!dataConsumer->IsActive() || !dataConsumer->VerifySubchannels(data.subchannels, data.requiredSubchannel, data.ignoredSubchannel))
		{
			return ResultCode::Ok;
		}

		auto copy = message.Clone();

		copy.SetStreamId(
		  dataConsumer->GetType() == RTC::DataConsumer::Type::SCTP
		    ? dataConsumer->GetSctpStreamParameters().streamId
		    : 0);

		auto code = ResultCode::Full;

		// Whoever gets it deletes it.
		const auto* callback = new const std::function<void(bool, bool)>(
		  [&code](bool queued, bool /*isBufferFull*/)
		  {
			  code = queued ? ResultCode::Ok : ResultCode::Full;
		  });

		if (!dataConsumer->SendMessage(
		      std::move(copy), data.subchannels, data.requiredSubchannel, data.ignoredSubchannel, callback))
		{
			// An active one refuses nothing but what is too large for it.
			return ResultCode::Malformed;
		}

		return code;
	}

	/**
	 * Those who are named, each once.
	 *
	 * @param find - nullptr for a number that means none.
	 * @return False if one of them is not there, or not for this place to know.
	 */
	template<typename T, typename Finder>
	static bool findNamed(
	  const PluginPlace* place, const UnreadBytes& numbers, std::vector<T*>& found, const Finder& find)
	{
		static thread_local std::vector<uint32_t> copy;

		found.clear();

		const auto count = numbers.GetLength() / sizeof(uint32_t);

		// Before they are copied.
		if (count > place->GetRouterTap()->CountConsumers())
		{
			return false;
		}

		copy.resize(count);
		numbers.CopyTo(copy.data());

		for (const auto number : copy)
		{
			auto* one = place->Knows(number) ? find(number) : nullptr;

			if (!one)
			{
				return false;
			}

			found.push_back(one);
		}

		sortUnique(found);

		return true;
	}

	/* Instance methods. */

	bool Injector::OnInjectRtp(const Layout::InjectRtpRecord& record, const UnreadBytes& bytes)
	{
		MS_TRACE();

		const size_t consumersLength = record.consumerCount() * sizeof(uint32_t);
		const size_t payloadOffset   = padTo8(consumersLength);

		if (bytes.GetLength() != payloadOffset + record.payloadLength())
		{
			return false;
		}

		if (!IsNew(record.cause()))
		{
			this->results->Tell(record.call(), ResultCode::Ok);

			return true;
		}

		auto code = ResultCode::Malformed;

		try
		{
			code = SendRtp(
			  record,
			  bytes.GetPart(0, consumersLength),
			  bytes.GetPart(payloadOffset, record.payloadLength()));
		}
		catch (const std::exception& error)
		{
			Control::CountApplyError(error.what());
		}

		Conclude(record.call(), record.cause(), code);

		return true;
	}

	bool Injector::OnInjectData(const Layout::InjectDataRecord& record, const UnreadBytes& bytes)
	{
		MS_TRACE();

		const size_t consumersLength   = record.consumerCount() * sizeof(uint32_t);
		const size_t subchannelsOffset = padTo8(consumersLength);
		const size_t subchannelsLength = record.subchannelCount() * sizeof(uint16_t);
		const size_t messageOffset     = subchannelsOffset + padTo8(subchannelsLength);

		if (bytes.GetLength() != messageOffset + record.messageLength())
		{
			return false;
		}

		if (!IsNew(record.cause()))
		{
			this->results->Tell(record.call(), ResultCode::Ok);

			return true;
		}

		auto code = ResultCode::Malformed;

		try
		{
			code = SendData(
			  record,
			  bytes.GetPart(0, consumersLength),
			  bytes.GetPart(subchannelsOffset, subchannelsLength),
			  bytes.GetPart(messageOffset, record.messageLength()));
		}
		catch (const std::exception& error)
		{
			Control::CountApplyError(error.what());
		}

		Conclude(record.call(), record.cause(), code);

		return true;
	}

	bool Injector::OnReceiveRtp(const Layout::ReceiveRtpRecord& record, const UnreadBytes& bytes)
	{
		MS_TRACE();

		if (bytes.GetLength() != record.packetLength())
		{
			return false;
		}

		if (!IsNew(record.cause()))
		{
			this->results->Tell(record.call(), ResultCode::Ok);

			return true;
		}

		auto code = ResultCode::Malformed;

		try
		{
			code = DirectInput::ReceiveRtp(this->place, record, bytes);
		}
		catch (const std::exception& error)
		{
			Control::CountApplyError(error.what());
		}

		Conclude(record.call(), record.cause(), code);

		return true;
	}

	void Injector::OnNextHost()
	{
		MS_TRACE();

		this->causes.OnNextHost(this->place->GetPosition());
	}

	void Injector::ForgetCauses()
	{
		if (this->causes.GetSize() == 0)
		{
			return;
		}

		this->place->RefreshConsumed();
		this->causes.Forget(
		  this->place->GetPackets().GetConsumed(),
		  [this](uint64_t cause)
		  {
			  return this->place->GetTickets().Find(cause) != nullptr;
		  });
	}

	bool Injector::IsNew(uint64_t cause)
	{
#ifdef MPH_SABOTAGE_REPEAT_INJECTIONS
		cause = 0;
#endif

		if (cause == 0 || !this->causes.TakeRepeated(cause))
		{
			return true;
		}

		++this->place->GetPlugin()->GetInjections().counters.repeated;

		return false;
	}

	/**
	 * One that cannot come again, or never was, is not worth remembering.
	 */
	void Injector::NoteCause(uint64_t cause)
	{
		const auto end      = this->place->GetPosition();
		const auto consumed = this->place->GetPackets().GetConsumed();
		const auto position = cause & ~PositionCause;

		if ((cause & PositionCause) != 0 ? position < end && position >= consumed
		                                 : consumed != end || this->place->GetTickets().Find(cause))
		{
			this->causes.Note(cause, end);
		}
	}

	/**
	 * One that it only heard of, since a DirectTransport that it is attached to consumes it, is not.
	 */
	bool Injector::IsMeant(uint32_t producer) const
	{
		return this->place->Knows(producer) &&
		       this->place->GetRouterTap()->IsMeantAt(this->place, producer);
	}

	void Injector::Conclude(uint64_t call, uint64_t cause, ResultCode code)
	{
		this->place->GetPlugin()->GetInjections().Count(code);

		if (code == ResultCode::Ok && cause != 0)
		{
			NoteCause(cause);
		}

		this->results->Tell(call, code);
	}

	ResultCode Injector::SendRtp(
	  const Layout::InjectRtpRecord& record, const UnreadBytes& consumers, const UnreadBytes& payload)
	{
		static thread_local std::vector<RTC::Consumer*> chosen;
		static thread_local std::array<uint8_t, RtpBuilder::MaxPayloadLength> copy;

		auto* tap = IsMeant(record.producer())
		              ? this->place->GetRouterTap()->FindProducerTap(record.producer())
		              : nullptr;

		const auto find = [this, &record](uint32_t number)
		{
			return this->place->GetRouterTap()->FindConsumer(number, record.producer());
		};

		if (!tap || !findNamed(this->place, consumers, chosen, find))
		{
			return ResultCode::Unknown;
		}

		const auto audioLevel = record.audioLevel();

		if (
		  payload.GetLength() == 0 || payload.GetLength() > copy.size() ||
		  !tap->HasStream(record.ssrc(), record.payloadType()) ||
		  (audioLevel > 127 && audioLevel != static_cast<uint8_t>(Layout::AudioLevel::Unknown)))
		{
			return ResultCode::Malformed;
		}

#ifndef MPH_SABOTAGE_SKIP_LIMITS
		if (!this->place->GetPlugin()->GetInjections().Take(record.payloadLength(), uv_hrtime()))
		{
			return ResultCode::Limited;
		}
#endif

		payload.CopyTo(copy.data());

		tap->Inject(
		  InjectedRtp{ .ssrc          = record.ssrc(),
			             .timestamp     = record.timestamp(),
			             .payloadType   = record.payloadType(),
			             .marker        = record.marker() != 0,
			             .audioLevel    = audioLevel,
			             .voice         = record.voice() != 0,
			             .payload       = copy.data(),
			             .payloadLength = payload.GetLength() },
		  chosen);

		return ResultCode::Ok;
	}

	ResultCode Injector::SendData(
	  const Layout::InjectDataRecord& record,
	  const UnreadBytes& consumers,
	  const UnreadBytes& subchannels,
	  const UnreadBytes& message)
	{
		static thread_local std::vector<RTC::DataConsumer*> chosen;

		const auto required = record.requiredSubchannel();
		const auto ignored  = record.ignoredSubchannel();

		if (
		  record.asReceived() > 1 || record.ppid() == DcepPpid || required < -1 || required > UINT16_MAX ||
		  ignored < -1 || ignored > UINT16_MAX ||
		  record.subchannelCount() > static_cast<uint32_t>(Layout::Limit::MaxSubchannels))
		{
			return ResultCode::Malformed;
		}

		if (record.asReceived() != 0)
		{
			return DirectInput::ReceiveData(this->place, record, subchannels, message);
		}

		auto* routerTap         = this->place->GetRouterTap();
		const auto dataProducer = record.dataProducer();

		if (dataProducer != 0 && !(IsMeant(dataProducer) && routerTap->FindDataProducerTap(dataProducer)))
		{
			return ResultCode::Unknown;
		}

		const auto find = [routerTap, dataProducer](uint32_t number)
		{
			return routerTap->FindDataConsumer(number, dataProducer);
		};

		if (!findNamed(this->place, consumers, chosen, find))
		{
			return ResultCode::Unknown;
		}

		if (dataProducer == 0 && record.consumerCount() == 0)
		{
			return ResultCode::Malformed;
		}

		if (!this->place->GetPlugin()->GetInjections().Take(record.messageLength(), uv_hrtime()))
		{
			return ResultCode::Limited;
		}

		if (record.consumerCount() == 0)
		{
			routerTap->GetDataConsumers(dataProducer, chosen);
		}

		std::vector<uint16_t> copiedSubchannels(record.subchannelCount());
		std::vector<uint8_t> copy(message.GetLength());

		subchannels.CopyTo(copiedSubchannels.data());
		message.CopyTo(copy.data());

		RTC::SCTP::Message built(/*streamId*/ 0, record.ppid(), {});
		DataMessage data{ .message            = built,
			                .subchannels        = copiedSubchannels,
			                .requiredSubchannel = required < 0 ? std::nullopt : std::optional<uint16_t>(required),
			                .ignoredSubchannel  = ignored < 0 ? std::nullopt : std::optional<uint16_t>(ignored) };

		data.SetPayload(copy.data(), copy.size());

		auto code = ResultCode::Ok;

		// The rest gets it all the same.
		for (auto* dataConsumer : chosen)
		{
			const auto sent = sendMessage(dataConsumer, built, data);

			if (sent != ResultCode::Ok && code != ResultCode::Full)
			{
				code = sent;
			}
		}

		return code;
	}
} // namespace PluginHost
