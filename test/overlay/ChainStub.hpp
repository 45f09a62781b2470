#ifndef MS_TEST_CHAIN_STUB_HPP
#define MS_TEST_CHAIN_STUB_HPP

#include "common.hpp"
#include "HeldStub.hpp"
#include "PluginHost/Chain.hpp"
#include <cstring> // std::memcpy(), std::memset()
#include <list>
#include <vector>

/**
 * A chain whose items are numbers, and that remembers what became of them.
 */
class ChainStub : public PluginHost::Chain
{
public:
	struct Published
	{
		PluginHost::PluginPlace* place{ nullptr };
		uint64_t ticket{ 0 };
		uint32_t id{ 0 };
	};

	struct Left
	{
		uint32_t id{ 0 };
		PluginHost::Fate fate{ PluginHost::Fate::ROUTED };

		bool operator==(const Left& other) const = default;
	};

public:
	~ChainStub() override
	{
		FreeAll();
	}

public:
	/**
	 * One more comes, with the next number. What is not held goes on at once.
	 */
	void Pass()
	{
		LiveItem item(this->nextId++);

		Chain::Pass(item, 0);
	}

	/* Pure virtual methods inherited from Chain. */
protected:
	PluginHost::PluginPlace::PublishResult Publish(
	  const PluginHost::Item& item, const PluginHost::Publication& publication) override
	{
		static constexpr uint32_t Length{ 64 };

		const auto result = publication.place->Publish(
		  Length,
		  publication.ticket != 0,
		  [](uint8_t* record)
		  {
			  const Mph::Layout::RecordHeader header(Length, Mph::Layout::RecordType::Packet, 0, 0);

			  std::memset(record, 0, Length);
			  std::memcpy(record, std::addressof(header), sizeof(header));
		  });

		if (result == PluginHost::PluginPlace::PublishResult::OK)
		{
			this->published.push_back({ publication.place, publication.ticket, IdOf(item) });
		}

		return result;
	}
	void SetTapped(bool tapped) override
	{
		this->tapped = tapped;
	}
	PluginHost::Traits GetTraits(const PluginHost::Item& /*item*/) const override
	{
		return {};
	}
	bool HasStream(uint32_t /*ssrc*/) const override
	{
		return false;
	}
	bool CanHold(const PluginHost::Item& /*item*/) const override
	{
		return true;
	}
	PluginHost::Held* Hold(const PluginHost::Item& item) override
	{
		return std::addressof(this->held.emplace_back(IdOf(item)));
	}
	void Free(PluginHost::Held* held) override
	{
		std::erase_if(
		  this->held,
		  [held](const HeldStub& other)
		  {
			  return std::addressof(other) == held;
		  });
	}
	bool SetPayload(PluginHost::Held* held, const PluginHost::UnreadBytes& payload) override
	{
		if (payload.GetLength() > MaxPayload)
		{
			return false;
		}

		this->replaced.push_back(static_cast<HeldStub*>(held)->id);

		return true;
	}
	void OnFrameLost(const PluginHost::Item& /*item*/) override
	{
	}
	bool Finish(const PluginHost::Item& item, PluginHost::Fate fate) override
	{
		this->left.push_back({ IdOf(item), fate });

		return fate == PluginHost::Fate::ROUTED;
	}
	void Route(PluginHost::Held* /*held*/) override
	{
		++this->routedLater;
	}

public:
	static constexpr size_t MaxPayload{ 100 };

public:
	std::vector<Published> published;
	// In the order in which they left.
	std::vector<Left> left;
	std::vector<uint32_t> replaced;
	// Their addresses stay.
	std::list<HeldStub> held;
	size_t routedLater{ 0 };
	bool tapped{ false };
	uint32_t nextId{ 0 };

private:
	class LiveItem : public PluginHost::Item
	{
	public:
		explicit LiveItem(uint32_t id) : Item(Form::LIVE), id(id)
		{
		}

	public:
		uint32_t id{ 0 };
	};

private:
	static uint32_t IdOf(const PluginHost::Item& item)
	{
		return item.IsHeld() ? static_cast<const HeldStub&>(item).id
		                     : static_cast<const LiveItem&>(item).id;
	}
};

#endif
