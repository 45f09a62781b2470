#define MS_CLASS "PluginHost::DirectInput"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/DirectInput.hpp"
#include "Logger.hpp"
#include "PluginHost/Macros.hpp"
#include "PluginHost/Plugin.hpp"
#include "PluginHost/PluginPlace.hpp"
#include "PluginHost/RouterTap.hpp"
#include "RTC/SCTP/public/Message.hpp"
#include <uv.h> // uv_hrtime()

namespace PluginHost::DirectInput
{
	/* Static. */

	namespace Layout = Mph::Layout;

	using Layout::ResultCode;

	// As RTC::Producer has it for what the app sends by the channel.
	static constexpr size_t MaxPacketLength{ 65536 };
	// What routes a packet writes extensions of its own into it where it stands. Without room for them it would throw, and leak the packet.
	static constexpr size_t ExtensionRoom{ 1024 };

	static bool takeLimits(PluginPlace* place, size_t length)
	{
#ifdef MPH_SABOTAGE_SKIP_LIMITS
		return true;
#else
		return place->GetPlugin()->GetInjections().Take(static_cast<uint32_t>(length), uv_hrtime());
#endif
	}

	ResultCode ReceiveRtp(
	  PluginPlace* place, const Layout::ReceiveRtpRecord& record, const UnreadBytes& packet)
	{
		MS_TRACE();

		alignas(8) static thread_local uint8_t buffer[MaxPacketLength + ExtensionRoom];

		auto* tap = place->GetRouterTap()->FindProducerTap(record.producer());

		if (!tap || !place->HasTarget(tap->GetInfo()->transport))
		{
			return ResultCode::Unknown;
		}

		if (packet.GetLength() == 0 || packet.GetLength() > MaxPacketLength)
		{
			return ResultCode::Malformed;
		}

		if (!takeLimits(place, packet.GetLength()))
		{
			return ResultCode::Limited;
		}

		packet.CopyTo(buffer);

		return tap->Receive(buffer, packet.GetLength(), sizeof(buffer)) ? ResultCode::Ok
		                                                                : ResultCode::Malformed;
	}

	ResultCode ReceiveData(
	  PluginPlace* place,
	  const Layout::InjectDataRecord& record,
	  const UnreadBytes& subchannels,
	  const UnreadBytes& message)
	{
		MS_TRACE();

		auto* tap = place->GetRouterTap()->FindDataProducerTap(record.dataProducer());

		if (!tap || !place->HasTarget(tap->GetInfo()->transport))
		{
			return ResultCode::Unknown;
		}

		if (record.consumerCount() != 0 || message.GetLength() > tap->GetMaxMessageSize())
		{
			return ResultCode::Malformed;
		}

		if (!takeLimits(place, message.GetLength()))
		{
			return ResultCode::Limited;
		}

		const auto required = record.requiredSubchannel();
		const auto ignored  = record.ignoredSubchannel();

		std::vector<uint16_t> copiedSubchannels(record.subchannelCount());
		std::vector<uint8_t> copy(message.GetLength());

		subchannels.CopyTo(copiedSubchannels.data());
		message.CopyTo(copy.data());

		tap->Receive(
		  RTC::SCTP::Message(/*streamId*/ 0, record.ppid(), std::move(copy)),
		  copiedSubchannels,
		  required < 0 ? std::nullopt : std::optional<uint16_t>(required),
		  ignored < 0 ? std::nullopt : std::optional<uint16_t>(ignored));

		return ResultCode::Ok;
	}
} // namespace PluginHost::DirectInput
