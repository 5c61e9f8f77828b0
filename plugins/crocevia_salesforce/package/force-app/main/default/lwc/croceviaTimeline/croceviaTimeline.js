import { LightningElement, api, wire } from 'lwc';
import { getRelatedListRecords } from 'lightning/uiRelatedListApi';

const FIELDS = [
    'Interaction__c.Occurred_At__c',
    'Interaction__c.Channel__c',
    'Interaction__c.Kind__c',
    'Interaction__c.Direction__c',
    'Interaction__c.Status__c',
    'Interaction__c.Author__c',
    'Interaction__c.Subject__c',
    'Interaction__c.Body__c'
];
const ICONS = { Inbound: 'utility:back', Outbound: 'utility:forward', Internal: 'utility:lock' };

export default class CroceviaTimeline extends LightningElement {
    @api recordId;
    interactions = [];
    failed = false;
    loaded = false;

    // By the user's own rights on records and fields: there is no Apex that could see more.
    @wire(getRelatedListRecords, {
        parentRecordId: '$recordId',
        relatedListId: 'Interactions__r',
        optionalFields: FIELDS,
        sortBy: ['-Interaction__c.Occurred_At__c'],
        pageSize: 200
    })
    told({ data, error }) {
        this.failed = Boolean(error);
        this.loaded = Boolean(data || error);
        this.interactions = data ? data.records.map(shown) : [];
    }

    get isEmpty() {
        return this.loaded && !this.failed && this.interactions.length === 0;
    }
}

function shown({ id, fields }) {
    const value = (name) => fields[name]?.value;
    const direction = value('Direction__c');
    return {
        id,
        url: `/lightning/r/Interaction__c/${id}/view`,
        at: value('Occurred_At__c'),
        icon: ICONS[direction] ?? 'utility:chat',
        direction,
        road: [value('Channel__c'), value('Kind__c')].filter(Boolean).join(' · '),
        about: [value('Status__c'), value('Author__c')].filter(Boolean).join(' · '),
        subject: value('Subject__c'),
        body: value('Body__c')
    };
}
