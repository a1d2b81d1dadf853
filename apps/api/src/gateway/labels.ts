import { applyDecorators } from '@nestjs/common';
import { Validate, ValidatorConstraint, type ValidatorConstraintInterface } from 'class-validator';

import { AsGiven } from '#libs/commands';

const MAX_LABELS = 64;
const MAX_NAME_LENGTH = 128;
const MAX_VALUE_LENGTH = 1_024;

@ValidatorConstraint({ name: 'isLabels' })
class LabelsRule implements ValidatorConstraintInterface {
  validate(value: unknown): boolean {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
    const labels = Object.entries(value);
    return (
      labels.length <= MAX_LABELS &&
      labels.every(
        ([name, text]) =>
          name !== '' && name.length <= MAX_NAME_LENGTH && typeof text === 'string' && text.length <= MAX_VALUE_LENGTH,
      )
    );
  }

  defaultMessage(): string {
    return `labels must map at most ${MAX_LABELS} names of 1 to ${MAX_NAME_LENGTH} characters to texts of at most ${MAX_VALUE_LENGTH}`;
  }
}

/** A client's own words about a session. */
export const IsLabels = (): PropertyDecorator => applyDecorators(Validate(LabelsRule), AsGiven());
