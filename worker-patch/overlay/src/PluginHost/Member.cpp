#define MS_CLASS "PluginHost::Member"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/Member.hpp"
#include "Logger.hpp"
#include <uv.h> // uv_hrtime()

namespace PluginHost
{
	/* Static. */

	namespace Layout = Mph::Layout;

	/**
	 * @param mask - Bit i: layer i. 0: all.
	 */
	static bool isLayerIn(uint8_t mask, uint8_t layer)
	{
		// What no bit can name is unknown.
		return mask == 0 || layer >= 8 || (mask & (1u << layer)) != 0;
	}

	/* Instance methods. */

	Member::Member(Attachment* attachment, uint32_t producerNumber)
	  : attachment(attachment),
	    producerNumber(producerNumber),
	    plain(attachment->selection.IsAll())
	{
		MS_TRACE();
	}

	Member::Choice Member::Choose(const Traits& traits)
	{
		if (!IsSelected(traits))
		{
			return Choice::NOT_SELECTED;
		}

		if (IsBypassed(traits))
		{
			return Choice::BYPASSED;
		}

		return IsFrameLost(traits) ? Choice::LOST : Choice::SELECTED;
	}

	void Member::Bypass(uint32_t ssrc, Layout::BypassUnit unit, uint32_t amount)
	{
		MS_TRACE();

		static constexpr uint64_t NsPerMs{ 1000000 };

		std::erase_if(
		  this->bypassed,
		  [ssrc](const BypassedStream& stream)
		  {
			  return stream.ssrc == ssrc;
		  });

		if (this->bypassed.size() > MaxStreams || (unit != Layout::BypassUnit::Forever && amount == 0))
		{
			return;
		}

		this->plain = false;
		this->bypassed.push_back(
		  BypassedStream{ .ssrc    = ssrc,
			                .unit    = unit,
			                .packets = amount,
			                .untilNs = uv_hrtime() + (amount * NsPerMs) });
	}

	bool Member::IsFrameLost(const Traits& traits) const
	{
		const auto count = std::min(this->lostFrameCount, MaxLostFrames);

		return std::any_of(
		  this->lostFrames.begin(),
		  this->lostFrames.begin() + count,
		  [&traits](const Frame& frame)
		  {
			  return frame.ssrc == traits.ssrc && frame.timestamp == traits.timestamp;
		  });
	}

	void Member::LoseFrame(const Traits& traits)
	{
		MS_TRACE();

		this->plain = false;
		this->lostFrames[this->lostFrameCount++ % MaxLostFrames] =
		  Frame{ .ssrc = traits.ssrc, .timestamp = traits.timestamp };
	}

	bool Member::IsSelected(const Traits& traits)
	{
		const auto& selection = this->attachment->selection;

		if (selection.IsAll())
		{
			return true;
		}

		if (selection.subscribe && !this->attachment->subscribed.contains(this->producerNumber))
		{
			return false;
		}

		auto& stream = GetStream(traits.ssrc);

		if (selection.keyFramesOnly && traits.isVideo)
		{
			if (traits.isKeyFrame)
			{
				stream.hasKeyFrame       = true;
				stream.keyFrameTimestamp = traits.timestamp;
			}

			if (!stream.hasKeyFrame || stream.keyFrameTimestamp != traits.timestamp)
			{
				return false;
			}
		}

		if (
		  !isLayerIn(selection.spatialLayers, traits.spatialLayer) ||
		  !isLayerIn(selection.temporalLayers, traits.temporalLayer))
		{
			return false;
		}

		// The higher the level, the quieter it is.
		if (
		  selection.audioLevel != 0 && traits.audioLevel > selection.audioLevel &&
		  traits.audioLevel != static_cast<uint8_t>(Layout::AudioLevel::Unknown))
		{
			return false;
		}

		return selection.everyNth <= 1 || stream.count++ % selection.everyNth == 0;
	}

	bool Member::IsBypassed(const Traits& traits)
	{
		for (auto it = this->bypassed.begin(); it != this->bypassed.end(); ++it)
		{
			if (it->ssrc != 0 && it->ssrc != traits.ssrc)
			{
				continue;
			}

			switch (it->unit)
			{
				case Layout::BypassUnit::Forever:
				{
					return true;
				}

				case Layout::BypassUnit::Packets:
				{
					if (--it->packets == 0)
					{
						this->bypassed.erase(it);
					}

					return true;
				}

				case Layout::BypassUnit::Milliseconds:
				{
					if (uv_hrtime() < it->untilNs)
					{
						return true;
					}

					// Another one may be for this stream, too.
					this->bypassed.erase(it);

					return IsBypassed(traits);
				}
			}
		}

		return false;
	}

	Member::Stream& Member::GetStream(uint32_t ssrc)
	{
		for (auto& stream : this->streams)
		{
			if (stream.ssrc == ssrc)
			{
				return stream;
			}
		}

		if (this->streams.size() >= MaxStreams)
		{
			this->streams.erase(this->streams.begin());
		}

		return this->streams.emplace_back(Stream{ .ssrc = ssrc });
	}
} // namespace PluginHost
