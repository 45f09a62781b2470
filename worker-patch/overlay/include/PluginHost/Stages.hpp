#ifndef MS_PLUGIN_HOST_STAGES_HPP
#define MS_PLUGIN_HOST_STAGES_HPP

#include "common.hpp"
#include "PluginHost/Attachment.hpp"
#include "PluginHost/Stage.hpp"
#include <memory>
#include <vector>

namespace PluginHost
{
	/**
	 * The stages of one chain, in order: attachments of one place that are next to one another are in one stage, as far as that can be.
	 * [worker-loop]
	 *
	 * What waits stays where it is, whoever comes and goes: a stage that is cut in two keeps its queue in the first half, and two become one
	 * only once nothing waits in the first of them. So nothing is overtaken, and nobody is asked twice.
	 */
	class Stages
	{
	public:
		void SetProducerNumber(uint32_t number)
		{
			this->producerNumber = number;
		}
		const std::vector<std::unique_ptr<Stage>>& Get() const
		{
			return this->stages;
		}
		size_t GetSize() const
		{
			return this->stages.size();
		}
		bool IsEmpty() const
		{
			return this->stages.empty();
		}
		size_t IndexOf(const Stage* stage) const;
		/**
		 * nullptr if the attachment is in none.
		 */
		Member* FindMember(const Attachment* attachment) const;
		/**
		 * False if there is more to do for Tidy() once nothing waits any more.
		 */
		bool IsTidy() const
		{
			return this->tidy;
		}
		bool HasWholeFrames() const
		{
			return this->wholeFrames;
		}
		void Add(Attachment* attachment);
		/**
		 * By now nothing waits for it.
		 */
		void Remove(const Attachment* attachment);
		/**
		 * Puts together what may be, and removes what is of no use any more.
		 */
		void Tidy();

	private:
		void Insert(size_t index, std::vector<std::unique_ptr<Member>> members);

	private:
		// Allocated by this.
		std::vector<std::unique_ptr<Stage>> stages;
		// Others.
		uint32_t producerNumber{ 0 };
		bool tidy{ true };
		bool wholeFrames{ false };
	};
} // namespace PluginHost

#endif
