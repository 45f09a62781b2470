#define MS_CLASS "PluginHost::Codecs"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/Codecs.hpp"
#include "Logger.hpp"

namespace PluginHost::Codecs
{
	Mph::Layout::Codec GetCodec(const RTC::RtpCodecMimeType& mimeType)
	{
		MS_TRACE();

		using Subtype = RTC::RtpCodecMimeType::Subtype;

		switch (mimeType.subtype)
		{
			case Subtype::OPUS:
			{
				return Mph::Layout::Codec::Opus;
			}
			case Subtype::MULTIOPUS:
			{
				return Mph::Layout::Codec::MultiOpus;
			}
			case Subtype::PCMA:
			{
				return Mph::Layout::Codec::Pcma;
			}
			case Subtype::PCMU:
			{
				return Mph::Layout::Codec::Pcmu;
			}
			case Subtype::G722:
			{
				return Mph::Layout::Codec::G722;
			}
			case Subtype::VP8:
			{
				return Mph::Layout::Codec::Vp8;
			}
			case Subtype::VP9:
			{
				return Mph::Layout::Codec::Vp9;
			}
			case Subtype::H264:
			{
				return Mph::Layout::Codec::H264;
			}
			case Subtype::AV1:
			{
				return Mph::Layout::Codec::Av1;
			}
			default:
			{
				return mimeType.type == RTC::RtpCodecMimeType::Type::AUDIO ? Mph::Layout::Codec::OtherAudio
				                                                           : Mph::Layout::Codec::OtherVideo;
			}
		}
	}
} // namespace PluginHost::Codecs
